package import TailraceCore

package struct HostInterceptorConfiguration: InterceptorConfiguration {
    package var hostHeader = "host"
    package var useIP = true
    package var preserveExisting = false
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "host", classNames: ["org.apache.flume.interceptor.HostInterceptor$Builder"],
        summary: "Sets a header to this machine's address or name, as they are when the agent starts.",
        keys: [
            .value("hostHeader", \.hostHeader, .headerName, "Name of the header."),
            .value(
                "useIP", \.useIP, .anything,
                "true: the IPv4 address of the first interface that is not the loopback (Flume takes what the host's name resolves to, often 127.0.1.1); false: the name, as `hostname` prints it."
            ),
            .value("preserveExisting", \.preserveExisting, .anything, "Leave the header alone where an event has it."),
        ])

    package func makeInterceptor(_ environment: Environment) -> any Interceptor {
        let setting = HeaderSetting(name: hostHeader, preserveExisting: preserveExisting)
        return StaticInterceptor(setting, useIP ? environment.localHost.address : environment.localHost.name)
    }
}
