import TailraceCore

/// Where a channel's files are. `~` is the home directory. The default is a folder of its own in the agent's state directory:
/// Flume's default is one folder for all channels of a user, which only the first of them can lock.
struct FileChannelDirectories: Equatable {
    let checkpoint: String
    let data: [String]

    init(_ configuration: FileChannelConfiguration, _ environment: Environment) {
        let own = environment.stateDirectory + "/file-channel/" + environment.component
        let home = environment.homeDirectory
        func expanded(_ path: String) -> String {
            path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
        }
        checkpoint = configuration.checkpointDirectory.map(expanded) ?? own + "/checkpoint"
        data = configuration.dataDirectories.isEmpty ? [own + "/data"] : configuration.dataDirectories.map(expanded)
    }
}
