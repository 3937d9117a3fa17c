package import TailraceCore

package struct TimestampInterceptorConfiguration: InterceptorConfiguration {
    package var headerName = "timestamp"
    package var preserveExisting = false
    package init() {}

    package static let declaration = Declaration<Self>(
        type: "timestamp", classNames: ["org.apache.flume.interceptor.TimestampInterceptor$Builder"],
        summary: "Sets a header to the time now, in milliseconds since 1970; the same for all events of a batch.",
        keys: [
            .value("headerName", \.headerName, .headerName, otherNames: [KeyNote("header")], "Name of the header."),
            .value("preserveExisting", \.preserveExisting, .anything, "Leave the header alone where an event has it."),
        ])

    package func makeInterceptor(_ environment: Environment) -> any Interceptor {
        let setting = HeaderSetting(name: headerName, preserveExisting: preserveExisting)
        return TimestampInterceptor(setting, environment.loop)
    }
}

/// The time of the turn in which the batch came.
package final class TimestampInterceptor: Interceptor {
    private let setting: HeaderSetting
    private let loop: any EventLoop

    package init(_ setting: HeaderSetting, _ loop: any EventLoop) { (self.setting, self.loop) = (setting, loop) }

    package func intercept(_ batch: EventBatch, _ done: @escaping (EventBatch) -> Void) {
        done(setting.apply(String(loop.wallTime.milliseconds), to: batch))
    }
}
