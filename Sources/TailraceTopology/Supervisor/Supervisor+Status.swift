import TailraceCore
import TailraceStatus

extension Supervisor {
    package var status: ClusterStatus {
        let auditor = members["auditor"]?.helper
        return ClusterStatus(
            cluster: plan.name, phase: "\(machine.phase)", supervisor: processID, bootstrapServers: servers, failure: failure,
            members: plan.members.map { status(of: members[$0.name]!) }, streams: book.known,
            atMilliseconds: loop.now.nanoseconds / 1_000_000, auditedRecords: auditor?.records ?? 0,
            droppedRecords: auditor?.dropped ?? 0)
    }

    private func status(of member: Member) -> ClusterStatus.Member {
        let state: ClusterStatus.Member.State =
            switch machine.states[member.plan.name]! {
            case .waiting: .waiting
            case .starting: .starting
            case .ready: .ready
            case .ending: .ending
            case .exited: .exited
            }
        return ClusterStatus.Member(
            name: member.plan.name, role: member.plan.role, tier: member.plan.tier, state: state,
            pid: member.agent?.pid ?? member.helper?.pid ?? 0, port: member.plan.port, exitStatus: member.exitStatus,
            starts: member.starts, log: member.plan.log, trouble: member.helper?.trouble ?? "",
            isAnswering: member.isAnswering, heldEvents: member.heldEvents, storesEvents: member.storesEvents,
            status: member.agent)
    }
}
