/// Columns for people: numbers to the right, the rest to the left.
package struct TextTable {
    private var rows: [[String]]

    package init(_ head: [String]) { rows = [head] }

    package mutating func add(_ row: [String]) {
        precondition(row.count == rows[0].count)
        rows.append(row)
    }

    package var lines: [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        let isNumber = rows[0].indices.map { column in
            rows.count > 1 && rows.dropFirst().allSatisfy { $0[column].utf8.allSatisfy { (48...57).contains($0) } }
        }
        return rows.map { row in
            let cells = row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return isNumber[column] ? space + row[column] : row[column] + space
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
    package var text: String { lines.joined(separator: "\n") + "\n" }
}
