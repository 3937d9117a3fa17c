/// Events to nodes, with limits. Mistakes that leave the structure readable are collected; others end it.
struct YAMLTreeBuilder {
    let file: String
    private(set) var problems: [FileProblem] = []
    private var nodes = 0

    init(file: String) { self.file = file }

    mutating func document(_ events: inout YAMLEvents) throws(FileProblem) -> YAMLNode {
        var (event, place) = try events.next()
        while true {
            if case .documentStart = event { break }
            if case .streamEnd = event {
                throw problem(.start, "the file is empty", "describe a topology in it; see topologies/two-tier.yaml")
            }
            (event, place) = try events.next()
        }
        (event, place) = try events.next()
        let root = try node(event, place, depth: 1, &events)
        while true {
            (event, place) = try events.next()
            if case .streamEnd = event { return root }
            if case .documentStart = event {
                throw problem(place, "a second document begins here", "keep one document in a file")
            }
        }
    }

    private mutating func node(
        _ event: YAMLEvent, _ place: FilePlace, depth: Int, _ events: inout YAMLEvents
    ) throws(FileProblem) -> YAMLNode {
        nodes += 1
        guard nodes <= YAMLReader.mostNodes else {
            throw problem(place, "the file has more than \(YAMLReader.mostNodes) values", "make it smaller")
        }
        guard depth <= YAMLReader.largestDepth else {
            throw problem(place, "more than \(YAMLReader.largestDepth) levels", "nest less")
        }
        switch event {
        case .scalar(let text, let anchored, let tagged):
            refuse(anchored, tagged, place)
            return YAMLNode(.scalar(text), at: place)
        case .sequenceStart(let anchored, let tagged):
            refuse(anchored, tagged, place)
            return YAMLNode(.sequence(try sequence(depth, &events)), at: place)
        case .mappingStart(let anchored, let tagged):
            refuse(anchored, tagged, place)
            return YAMLNode(.mapping(try mapping(depth, &events)), at: place)
        case .alias:
            problems.append(problem(place, "an alias (*name)", "write the value out here"))
            return YAMLNode(.scalar(""), at: place)
        case .end, .documentStart, .streamEnd, .other:
            throw problem(place, "a value is missing", "write a value, a list or a mapping")
        }
    }

    private mutating func sequence(_ depth: Int, _ events: inout YAMLEvents) throws(FileProblem) -> [YAMLNode] {
        var items: [YAMLNode] = []
        while true {
            let (event, place) = try events.next()
            if case .end = event { return items }
            items.append(try node(event, place, depth: depth + 1, &events))
        }
    }

    private mutating func mapping(_ depth: Int, _ events: inout YAMLEvents) throws(FileProblem) -> [YAMLEntry] {
        var entries: [YAMLEntry] = [], lines: [String: Int] = [:]
        while true {
            let (event, place) = try events.next()
            if case .end = event { return entries }
            let key = try node(event, place, depth: depth + 1, &events)
            let (valueEvent, valuePlace) = try events.next()
            let value = try node(valueEvent, valuePlace, depth: depth + 1, &events)
            guard case .scalar(let name) = key.value else {
                problems.append(problem(place, "a key that is \(key.kind)", "use text as key"))
                continue
            }
            if let line = lines[name] {
                problems.append(problem(place, "key '\(name)' given twice, first in line \(line)", "remove one of them"))
                continue
            }
            lines[name] = place.line
            entries.append(YAMLEntry(key: name, place: place, value: value))
        }
    }

    private mutating func refuse(_ anchored: Bool, _ tagged: Bool, _ place: FilePlace) {
        if anchored { problems.append(problem(place, "an anchor (&name)", "remove it, and write out the values that use it")) }
        if tagged { problems.append(problem(place, "a tag (!name)", "remove it; values are text")) }
    }
    private func problem(_ place: FilePlace, _ message: String, _ fix: String) -> FileProblem {
        FileProblem(file: file, place: place, message: message, fix: fix)
    }
}
