import TailraceConfiguration
import TailraceCore
import Testing

@Suite struct SubstitutionTests {
    static let environment = ["HOME": "/home/t", "WHICH": "HOME", "EMPTY": "", "REF": "${PORT}", "key-1": "v1", "BARE": "bare"]

    /// The hostname of a sink that says `value`, and the problems but those of lines.
    private func resolve(_ value: String, _ more: String = "", _ definitions: [String: String] = ["x.y": "sysval"]) -> (
        String?, [String]
    ) {
        let text = """
            a1.channels = c1
            a1.sources = r1
            a1.sinks = k1
            a1.sources.r1.type = seq
            a1.sources.r1.channels = c1
            a1.channels.c1.type = memory
            a1.sinks.k1.type = rpc
            a1.sinks.k1.channel = c1
            a1.sinks.k1.port = 1
            a1.sinks.k1.hostname = \(value)
            PORT = 44444
            \(more)
            """
        let loaded = load(text, definitions: definitions, environment: Self.environment)
        let sink = loaded.agents.first?.sinks.first?.part.configuration as? FakeSinkConfiguration
        return (sink?.hostname, loaded.problems.filter { !$0.hasPrefix("11 warning PORT") })
    }

    @Test(arguments: [
        ("plain", "plain"), ("${env:HOME}/x", "/home/t/x"), ("a${sys:x.y}b", "asysvalb"), ("${PORT}", "44444"),
        ("${env:NOPE:-dflt}", "dflt"), ("${env:HOME:-dflt}", "/home/t"), ("${env:NOPE:-}x", "x"),
        ("${env:${env:WHICH}}", "/home/t"), ("${env:${sys:w}:-d}", "d"), ("${env:A:-${env:B:-${PORT}}}", "44444"),
        ("$${env:HOME}", "${env:HOME}"), ("$$${env:HOME}", "$${env:HOME}"), ("a$${x} ${PORT}", "a${x} 44444"),
        ("${env:REF}", "44444"), ("${a1.sinks.k1.port}", "1"), ("$5 $ {x} $", "$5 $ {x} $"), ("${unclosed", "${unclosed"),
        ("${un ${PORT}", "${un 44444"), ("x}y", "x}y"), ("%{header}", "%{header}"), ("${nope:-${PORT}-${PORT}}", "44444-44444"),
    ])
    func resolved(value: String, expected: String) {
        let (found, problems) = resolve(value)
        #expect(found == expected)
        #expect(problems.isEmpty || value.contains("sys:w"))
    }

    @Test(arguments: [
        (
            "A${env:NOPE}B", "A${env:NOPE}B",
            "10 warning a1.sinks.k1.hostname: ${env:NOPE} stays as it is written: the environment has no NOPE | set NOPE, or write ${env:NOPE:-default}"
        ),
        (
            "${sys:nope}", "${sys:nope}",
            "10 warning a1.sinks.k1.hostname: ${sys:nope} stays as it is written: no -D sets nope | start with -Dnope=…, or write ${sys:nope:-default}"
        ),
        (
            "${NOPE}", "${NOPE}",
            "10 warning a1.sinks.k1.hostname: ${NOPE} stays as it is written: no line sets the key \"NOPE\" | set the key NOPE, or write $${NOPE} for these very characters"
        ),
        (
            "${HOME}", "${HOME}",
            "10 warning a1.sinks.k1.hostname: ${HOME} stays as it is written: no line sets the key \"HOME\" | write ${env:HOME}"
        ),
        (
            "${java:version}", "${java:version}",
            "10 warning a1.sinks.k1.hostname: ${java:version} stays as it is written: java look-ups are not supported | write the value itself, or take it from ${env:NAME}"
        ),
        (
            "${date:yyyy-MM}", "${date:yyyy-MM}",
            "10 warning a1.sinks.k1.hostname: ${date:yyyy-MM} stays as it is written: date look-ups are not supported | write the value itself, or take it from ${env:NAME}"
        ),
        (
            "${f1['KEY']}", "${f1['KEY']}",
            "10 warning a1.sinks.k1.hostname: ${f1['KEY']} stays as it is written: there is no config filter \"f1\" | declare it: <agent>.configfilters.f1.type = env"
        ),
    ])
    func unresolved(value: String, expected: String, problem: String) {
        let (found, problems) = resolve(value)
        #expect(found == expected)
        #expect(problems == [problem])
    }

    @Test func namesResolveInAnyOrderAndThroughEachOther() {
        let (found, problems) = resolve("${A}", "A = a-${B}\nB = b-${C}\nC = c")
        #expect(found == "a-b-c")
        #expect(problems.isEmpty)
    }

    @Test func anUnresolvedNameIsToldAtItsOwnLineAndOnce() {
        let (found, problems) = resolve("${A}${A}", "A = ${NOPE}")
        #expect(found == "${NOPE}${NOPE}")
        #expect(
            problems == [
                "12 warning A: ${NOPE} stays as it is written: no line sets the key \"NOPE\" | set the key NOPE, or write $${NOPE} for these very characters"
            ])
    }

    @Test func aLoopIsAnError() {
        let (_, problems) = resolve("${A}", "A = ${B}\nB = x${A}")
        #expect(problems.count == 1)
        #expect(
            problems.first?.hasPrefix("13 error B: refers to itself: a1.sinks.k1.hostname → A → B → A | break the circle")
                == true)
        #expect(resolve("${a1.sinks.k1.hostname}").1.first?.contains("refers to itself") == true)
    }

    @Test func whatGrowsWithoutBoundIsAnError() {
        let laughs = (1...20).map { "L\($0) = " + String(repeating: "${L\($0 - 1)}", count: 10) }.joined(separator: "\n")
        #expect(resolve("${L20}", "L0 = ha\n" + laughs).1.contains { $0.contains("the value grows over 1048576 bytes") })
        let nested = String(repeating: "${", count: 40) + "x" + String(repeating: "}", count: 40)
        #expect(resolve(nested).1.contains { $0.contains("nested deeper than 32 levels") })
        #expect(resolve(String(repeating: "${", count: 200_000)).0?.utf8.count == 400_000)
    }

    @Test func theOldImplementationReadsBareNames() {
        let old = ["propertiesImplementation": "org.apache.flume.node.EnvVarResolverProperties"]
        #expect(resolve("${BARE}", "", old).0 == "bare")
    }

    @Test func anEmptyResultIsNoValue() {
        let (_, problems) = resolve("${env:EMPTY}")
        #expect(
            problems.map { String($0.prefix(60)) }.first
                == "7 error a1.sinks.k1.hostname: rpc needs this key: Where to. |".prefix(60).description)
        #expect(
            problems.contains(
                "10 warning a1.sinks.k1.hostname: ${env:EMPTY} gives nothing; the line is ignored | give it a value, or remove the line"
            ))
    }

    @Test(arguments: ["${f1['key-1']}", "${f1[\"key-1\"]}", "${f1[key-1]}", "${env:NOPE:-${f1[key-1]}}"])
    func configFilters(value: String) {
        let (found, problems) = resolve("a-\(value)", "a1.configfilters = f1\na1.configfilters.f1.type = env")
        #expect(found == "a-v1")
        #expect(problems.isEmpty)
    }

    @Test(arguments: [
        (
            "a1.configfilters.f1.type = external\na1.configfilters.f1.command = /bin/x",
            "13 error a1.configfilters.f1.type: the config filter \"external\" is not supported: it runs a program for each value | use a1.configfilters.f1.type = env, and set the environment variables before the start"
        ),
        (
            "a1.configfilters.f1.type = hadoop",
            "13 error a1.configfilters.f1.type: the config filter \"hadoop\" is not supported: it needs Hadoop's Java credential store | use a1.configfilters.f1.type = env, and set the environment variables before the start"
        ),
        (
            "a1.configfilters.f1.type = envi",
            "13 error a1.configfilters.f1.type: there is no config filter \"envi\" | did you mean \"env\"?"
        ),
        (
            "a1.configfilters.f1.type = env\na1.configfilters.f1.command = x",
            "14 error a1.configfilters.f1.command: the filter env has no key \"command\" | remove the line"
        ),
        (
            "",
            "12 error a1.configfilters: \"f1\" is in the list, but no line configures it | add a1.configfilters.f1.type = …, or take it out of the list"
        ),
    ])
    func mistakesOfFilters(lines: String, expected: String) {
        #expect(resolve("x", "a1.configfilters = f1\n\(lines)").1 == [expected])
    }

    @Test func aFilterWithoutThatKey() {
        let (found, problems) = resolve("${f1[gone]}", "a1.configfilters = f1\na1.configfilters.f1.type = env")
        #expect(found == "${f1[gone]}")
        #expect(
            problems == [
                "10 warning a1.sinks.k1.hostname: ${f1[gone]} stays as it is written: the config filter \"f1\" has no value for gone | set the environment variable gone"
            ])
    }

    @Test(arguments: 0..<200)
    func garbage(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pieces = ["${", "}", "$", "$$", ":-", "env:", "HOME", "PORT", "A", "[", "]", "'", "f1", "é", "x", " "]
        func text() -> String {
            (0..<Int.random(in: 0...30, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
        }
        _ = resolve(text(), "A = \(text())\nB=\(text())")
    }
}
