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
}
