import TailraceCore

/// A copy of a directory with all below it.
package struct Backup {
    let directory: String
    fileprivate(set) var directories: [String] = []
    package fileprivate(set) var files: [(path: String, content: [UInt8])] = []
}

extension HostFiles {
    /// As `cp -a` or `rsync` makes one while the agent runs: each file as it is read now, synced or not.
    package func backup(_ directory: String) -> Backup {
        var backup = Backup(directory: directory)
        func visit(_ path: String) {
            backup.directories.append(path)
            for name in names(path) {
                let child = path + "/" + name
                if isDirectory(child) { visit(child) } else { backup.files.append((child, read(child) ?? [])) }
            }
        }
        visit(directory)
        return backup
    }

    /// Makes the directory what it was; no agent may run on it. `inPlace`: files that are still there are overwritten
    /// (`rsync --inplace`); else all of them are new, perhaps with the inode numbers of those that were removed.
    package func restore(_ backup: Backup, inPlace: Bool) {
        let kept = inPlace ? Set(backup.files.map(\.path)) : []
        func clear(_ path: String) {
            for name in names(path) {
                let child = path + "/" + name
                if isDirectory(child) { clear(child) }
                if !kept.contains(child), !isDirectory(child) || names(child).isEmpty { remove(child) }
            }
        }
        clear(backup.directory)
        for directory in backup.directories { makeDirectory(directory) }
        for file in backup.files { write(file.path, file.content) }
    }
}
