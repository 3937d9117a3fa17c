import Glibc
import TailraceConfiguration
import TailraceCore

/// `tailrace check` and `tailrace components`.
package enum CheckProgram {
    /// Exit code 0 without errors, 66 when a file cannot be read, 78 with errors.
    package static func run(files: [String], agent: String?, definitions: [String: String], json: Bool) -> Int32 {
        do throws(TailraceError) {
            let loaded = try LoadedAgents.load(files, agent: agent, definitions: definitions, .standard())
            let report = ProblemReport(loaded.problems, files: files)
            if json {
                print(report.json)
            } else {
                let agents = loaded.agents.map(\.name).joined(separator: ", ")
                print(
                    report.text(colours: isatty(1) == 1), terminator: agents.isEmpty ? "" : "agents that can start: \(agents)\n"
                )
            }
            return report.hasErrors ? ExitCode.configuration : 0
        } catch {
            ConfigurationFiles.writeError("\(error)\n")
            return ExitCode.noInput
        }
    }

    /// The reference of all components, as Markdown.
    package static func manual() -> String { Catalogue.standard().manual }

    /// It as an article of the documentation, which is kept in the checkout (`documentationPath`).
    package static func article() -> String {
        Catalogue.standard().article(command: "tailrace components --markdown > \(documentationPath)")
    }
    package static let documentationPath = "Sources/TailraceRuntime/Tailrace.docc/Components.md"

    /// The part of it for one type, printed; exit code 64 when there is none of that name.
    package static func printManual(of type: String) -> Int32 {
        let catalogue = Catalogue.standard()
        if let text = catalogue.manual(of: type) {
            print(text)
            return 0
        }
        let near = catalogue.nearestType(to: type).map { "did you mean \"\($0)\"?" }
        ConfigurationFiles.writeError(
            "there is no component \"\(type)\"; \(near ?? "there are: \(catalogue.typeNames.joined(separator: ", "))")\n")
        return ExitCode.usage
    }
}
