import Glibc
import TailraceChannels
import TailraceCore
import TailraceIO

/// `tailrace channel inspect` and `tailrace channel verify`.
package enum ChannelProgram {
    /// Damage was found.
    package static let damagedExitCode: Int32 = 1

    /// Prints what is in a file channel. Exit code 0; 66 when there is none.
    package static func inspect(_ directories: [String], json: Bool, dump: Bool) -> Int32 {
        run(directories, dump: dump) { report in
            if dump { return 0 }
            print(json ? report.json : report.text, terminator: json ? "\n" : "")
            return 0
        }
    }
    /// Exit code 0 when all of it can be read, 1 when not, 66 when there is no channel.
    package static func verify(_ directories: [String], json: Bool) -> Int32 {
        run(directories, dump: false) { report in
            if json {
                print(report.json)
            } else if report.isGood {
                print(
                    "good: \(report.events) events in \(report.segments.count) segments, \(report.unreadEvents) not delivered")
            } else {
                for problem in report.problems { print(problem) }
            }
            return report.isGood ? 0 : damagedExitCode
        }
    }

    private static func run(_ directories: [String], dump: Bool, _ finish: (ChannelReport) -> Int32) -> Int32 {
        do throws(TailraceError) {
            let files = LocalFileSystem(try EpollLoop())
            let visit: ((EventBatch) -> Void)? = dump ? { printEvents($0) } : nil
            let report = try FileChannelInspector(files, directories, visit: visit).inspect()
            if dump, !report.isGood { ConfigurationFiles.writeError(report.problems.joined(separator: "\n") + "\n") }
            return finish(report)
        } catch {
            ConfigurationFiles.writeError("\(error)\n")
            return ExitCode.noInput
        }
    }

    /// One line for each event: stream, number, headers, body.
    private static func printEvents(_ batch: EventBatch) {
        guard let identity = batch.identity else { return }
        var runs = identity.sequences[...], number = runs.first?.lowerBound ?? 0
        batch.forEach { (_: Int, event: Event) in
            if let run = runs.first, number == run.upperBound {
                runs.removeFirst()
                number = runs.first?.lowerBound ?? number
            }
            let headers = event.headers.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
            print("\(identity.stream) \(number) {\(headers)} \(String(decoding: event.body, as: UTF8.self))")
            number += 1
        }
    }
}
