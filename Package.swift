// swift-tools-version: 6.2
// Tailrace builds from this checkout, the Swift toolchain and Debian's C libraries alone: no remote package.
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
    .treatWarning("DeprecatedDeclaration", as: .warning),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "tailrace",
    products: [.executable(name: "tailrace", targets: ["tailrace"])],
    targets: [
        // C leaves.
        .systemLibrary(name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CMicroHTTPD"),
        .target(name: "CSIMDJSON", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CChecksum"),
        .target(name: "CWire", dependencies: ["CProtobufC"]),

        // No IO, no clock, no thread.
        library("TailraceCore", []),
        library("TailracePatterns", ["TailraceCore", "CPCRE2"]),
        library("TailraceStatus", ["TailraceCore"]),
        library("TailraceCommandLine", []),
        library("TailraceConfiguration", ["TailraceCore", "TailraceCommandLine"]),
        library("TailraceWire", ["TailraceCore", "CWire", "CProtobufC", "CChecksum"]),
        library("TailraceChannels", ["TailraceCore", "TailraceWire"]),
        library("TailraceRPC", ["TailraceCore", "TailraceWire", "CWire", "CProtobufC", "CLZ4", "CZstd"]),
        library("TailraceAvro", ["TailraceCore"]),
        library("TailraceKafka", ["TailraceCore", "TailraceAvro", "TailraceChannels"]),
        library("TailraceInterceptors", ["TailraceCore", "TailracePatterns"]),
        library("TailraceSerializers", ["TailraceCore"]),
        library("TailraceJSON", ["TailraceCore", "CSIMDJSON"]),
        library("TailraceSources", ["TailraceCore", "TailracePatterns", "TailraceSerializers", "TailraceJSON"]),
        library("TailraceSinks", ["TailraceCore", "TailraceSerializers"]),
        library("TailraceTLS", ["TailraceCore"]),

        // The seams: for real, and simulated.
        library("TailraceOpenSSL", ["TailraceCore", "TailraceTLS", "COpenSSL"]),
        library("TailraceIO", ["TailraceCore", "TailraceTLS", "TailraceOpenSSL", "CLinux"]),
        library("TailraceRdkafka", ["TailraceCore", "CRdkafka", "CLinux"]),
        library("TailraceHTTP", ["TailraceCore", "TailraceIO", "CMicroHTTPD"]),
        library("TailraceSimulation", ["TailraceCore", "TailraceTLS"]),

        // An agent, a cluster, the program.
        library(
            "TailraceRuntime",
            [
                "TailraceCore", "TailraceStatus", "TailraceConfiguration", "TailraceChannels", "TailraceRPC", "TailraceKafka",
                "TailraceSources", "TailraceSinks", "TailraceInterceptors", "TailraceIO",
                "TailraceHTTP", "TailraceRdkafka",
            ]),
        library(
            "TailraceTopology",
            [
                "TailraceCore", "TailraceStatus", "TailraceCommandLine", "TailraceConfiguration", "TailraceIO",
                "TailraceRdkafka",
                "CYAML", "CLinux",
            ]),
        library(
            "TailraceScenarios",
            ["TailraceCore", "TailraceRuntime", "TailraceConfiguration", "TailraceSimulation", "TailraceTopology"]),
        library(
            "TailraceBench",
            [
                "TailraceCore", "TailraceStatus", "TailraceRdkafka", "TailraceTopology", "TailraceChannels", "TailraceIO",
                "TailraceSources", "TailraceWire",
            ]),
        .executableTarget(
            name: "tailrace",
            dependencies: [
                "TailraceBench", "TailraceScenarios", "TailraceCommandLine", "TailraceRuntime", "TailraceTopology",
                "TailraceConfiguration",
                "CLinux",
            ],
            swiftSettings: settings,
            // Takes the place of malloc. What one thread allocates and another frees, as librdkafka does for each record with
            // headers, costs a third less; big buffers stay in the process.
            linkerSettings: [.linkedLibrary("mimalloc")]),

        // Tests, one target a module.
        tests("TailraceCoreTests", ["TailraceCore", "TailraceSimulation"]),
        tests("TailraceCommandLineTests", ["TailraceCommandLine"]),
        tests("TailraceConfigurationTests", ["TailraceConfiguration", "TailraceCore"]),
        tests("TailracePatternsTests", ["TailracePatterns", "TailraceCore"]),
        tests("TailraceChannelsTests", ["TailraceChannels", "TailraceWire", "TailraceCore", "TailraceSimulation"]),
        tests(
            "TailraceRPCTests",
            ["TailraceRPC", "TailraceWire", "TailraceCore", "TailraceSimulation", "CWire", "CProtobufC", "CChecksum"]),
        tests("TailraceAvroTests", ["TailraceAvro", "TailraceCore"]),
        tests(
            "TailraceKafkaTests",
            [
                "TailraceKafka", "TailraceAvro", "TailraceConfiguration", "TailraceRdkafka", "TailraceCore",
                "TailraceSimulation", "TailraceIO",
            ]),
        tests(
            "TailraceSourcesTests",
            [
                "TailraceSources", "TailraceChannels", "TailraceConfiguration", "TailracePatterns", "TailraceSerializers",
                "TailraceCore", "TailraceSimulation", "TailraceIO",
            ]),
        tests(
            "TailraceInterceptorsTests",
            ["TailraceInterceptors", "TailraceConfiguration", "TailracePatterns", "TailraceCore", "TailraceSimulation"]),
        tests("TailraceSerializersTests", ["TailraceSerializers", "TailraceCore", "TailraceSimulation"]),
        tests(
            "TailraceSinksTests",
            ["TailraceSinks", "TailraceConfiguration", "TailraceSerializers", "TailraceCore", "TailraceSimulation"]),
        tests("TailraceHTTPTests", ["TailraceHTTP", "TailraceIO", "TailraceCore"]),
        tests("TailraceJSONTests", ["TailraceJSON", "TailraceCore"]),
        .target(
            name: "TestCertificates", dependencies: ["COpenSSL"], path: "Tests/TestCertificates",
            swiftSettings: settings),
        tests(
            "TailraceTLSTests",
            ["TailraceTLS", "TailraceOpenSSL", "TailraceCore", "TailraceSimulation", "TestCertificates"]),
        tests("TailraceIOTests", ["TailraceIO", "TailraceCore", "CLinux"]),
        tests("TailraceRdkafkaTests", ["TailraceRdkafka", "CRdkafka", "TailraceCore", "TailraceIO"]),
        tests(
            "SeamContractTests", ["TailraceCore", "TailraceIO", "TailraceRdkafka", "TailraceSimulation", "TestCertificates"]),
        tests("TailraceStatusTests", ["TailraceStatus", "TailraceCore"]),
        tests("TailraceTopologyTests", ["TailraceTopology", "TailraceStatus", "TailraceIO", "TailraceCore"]),
        tests(
            "ChainTests",
            [
                "TailraceScenarios", "TailraceRuntime", "TailraceRPC", "TailraceKafka", "TailraceChannels", "TailraceSources",
                "TailraceSinks", "TailraceConfiguration",
                "TailraceCore", "TailraceSimulation",
            ]),
        tests(
            "ProcessTests",
            [
                "tailrace", "TailraceCore", "TailraceIO", "TailraceRdkafka", "TailraceStatus", "TailraceTopology", "CRdkafka",
                "CLinux", "CChecksum",
            ]),
    ]
)
