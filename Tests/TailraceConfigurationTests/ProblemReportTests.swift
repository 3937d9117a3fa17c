import TailraceConfiguration
import TailraceCore
import Testing

@Suite struct ProblemReportTests {
    static let problems = [
        ConfigurationProblem(.warning, code: "b", file: "z", line: 2, key: "a.b", message: "second", fix: "do\nit"),
        ConfigurationProblem(.error, code: "c", file: "y", line: 9, key: "k\u{1B}[1m", message: "other \"file\"\t\\"),
        ConfigurationProblem(.error, code: "a", file: "z", line: 1, key: "", message: "first", fix: "fix"),
        ConfigurationProblem(.note, code: "d", key: "x", message: "nowhere"),
    ]

    @Test func text() {
        let report = ProblemReport(Self.problems, files: ["z", "y"])
        #expect(
            report.text() == """
                z:1: error: first
                    fix: fix
                z:2: warning: a.b: second
                    fix: do\\nit
                y:9: error: k\\u001b[1m: other "file"\\t\\
                note: x: nowhere
                2 errors, 1 warning, 1 note

                """)
        #expect(report.hasErrors)
        #expect(report.count(.error) == 2)
        #expect(!report.text().contains("\u{1B}"))
        #expect(report.text(colours: true).hasPrefix("z:1: \u{1B}[1;31merror:\u{1B}[0m first\n"))
    }

    @Test func nothing() {
        #expect(ProblemReport([]).text() == "no problems\n")
        #expect(ProblemReport([]).json == "{\"errors\":0,\"warnings\":0,\"notes\":0,\"problems\":[]}")
    }

    @Test func json() {
        #expect(
            ProblemReport(Array(Self.problems[0...1]), files: ["z"]).json == """
                {"errors":1,"warnings":1,"notes":0,"problems":[\
                {"severity":"warning","code":"b","file":"z","line":2,"key":"a.b","message":"second","fix":"do\\nit"},\
                {"severity":"error","code":"c","file":"y","line":9,"key":"k\\u001b[1m","message":"other \\"file\\"\\t\\\\","fix":null}]}
                """)
    }

    @Test func longTextIsCut() {
        let problem = ConfigurationProblem(.error, code: "a", key: "k", message: String(repeating: "x", count: 1_000_000))
        #expect(ProblemReport([problem]).text().utf8.count < 1_100)
    }
}
