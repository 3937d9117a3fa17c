package import TailraceCore
package import TailraceTLS

/// TLS by OpenSSL 3.
package final class OpenSSLProvider: TLSProvider {
    package init() {}

    package func makeContext(
        _ settings: TLSSettings, _ role: TLSRole, files: [String: [UInt8]]
    ) throws(TailraceError) -> any TLSContext {
        try OpenSSLContext(settings, role, files)
    }
}
