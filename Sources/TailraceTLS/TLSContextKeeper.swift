package import TailraceCore

/// The context of one listener or sink. Looks at the files for each new connection, and reads them again when one of them has
/// changed: so certificates are renewed without a restart. Files that cannot be used are told once, and the last good ones
/// go on; connections that are open are never touched.
final class TLSContextKeeper {

    private let settings: TLSSettings
    private let role: TLSRole
    private let provider: any TLSProvider
    private let files: any FileSystem
    private let log: (any Log)?
    private let name: String
    private var context: (any TLSContext)?
    /// As they were when they were read last. nil in it: missing.
    private var seen: [FileInformation?] = []

    init(
        _ settings: TLSSettings, _ role: TLSRole, _ provider: any TLSProvider, _ files: any FileSystem, _ log: (any Log)?,
        _ name: String
    ) {
        (self.settings, self.role, self.provider) = (settings, role, provider)
        (self.files, self.log, self.name) = (files, log, name)
    }

    func current() throws(TailraceError) -> any TLSContext {
        let now = settings.files.map(look)
        if let context, now == seen { return context }
        do throws(TailraceError) {
            let made = try provider.makeContext(settings, role, files: TLSFiles.read(settings.files, files))
            if context != nil { log?.write(.info, name, "read again: \(settings.files.joined(separator: ", "))") }
            (context, seen) = (made, now)
            return made
        } catch {
            guard let context else { throw error }
            seen = now
            log?.write(.error, name, "the changed TLS files are not used, the ones before them go on: \(error)")
            return context
        }
    }

    private func look(_ path: String) -> FileInformation? {
        // Why it cannot be looked at shows when it is read.
        do throws(TailraceError) { return try files.information(path) } catch { return nil }
    }
}

package enum TLSFiles {
    /// A file with certificates is smaller.
    private static let largest = 1 << 20

    package static func read(_ paths: [String], _ files: any FileSystem) throws(TailraceError) -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for path in paths { contents[path] = try content(path, files) }
        return contents
    }

    package static func content(_ path: String, _ files: any FileSystem) throws(TailraceError) -> [UInt8] {
        do throws(TailraceError) {
            let file = try files.open(path)
            defer { file.close() }
            var content: [UInt8] = []
            while content.count <= largest {
                let before = content.count
                let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)
                defer { space.deallocate() }
                let count = try file.read(at: Int64(before), into: space)
                if count == 0 { return content }
                content += space[..<count]
            }
            throw TailraceError(
                code: "tls.file", message: "\(path) has more than \(largest) bytes: no file of certificates",
                fix: "name a PEM or PKCS #12 file")
        } catch {
            guard error.code.hasPrefix("file.") else { throw error }
            throw TailraceError(
                code: "tls.file", message: error.message, fix: error.fix ?? "correct the path, or create the file")
        }
    }
}
