package import TailraceCore

package struct StaticInterceptorConfiguration: InterceptorConfiguration {
    package var preserveExisting = true
    package var key = "key"
    package var value = "value"
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "static", classNames: ["org.apache.flume.interceptor.StaticInterceptor$Builder"],
        summary: "Sets one header to one value; several headers need several of them.",
        keys: [
            .value("key", \.key, .headerName, "Name of the header."),
            .value("value", \.value, .headerValue, "Its value."),
            .value("preserveExisting", \.preserveExisting, .anything, "Leave the header alone where an event has it."),
        ])

    package func makeInterceptor(_ environment: Environment) -> any Interceptor {
        StaticInterceptor(HeaderSetting(name: key, preserveExisting: preserveExisting), value)
    }
}

/// The same header for all events. It becomes one of the batch's shared headers.
package final class StaticInterceptor: Interceptor {
    private let setting: HeaderSetting
    private let value: String

    package init(_ setting: HeaderSetting, _ value: String) { (self.setting, self.value) = (setting, value) }

    package func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        done(setting.apply(value, to: batch))
    }
}
