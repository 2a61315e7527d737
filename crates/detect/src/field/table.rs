//! The table of fields: every field of Falco's syscall source, of its container plugin, those that all sources have, and our
//! own, whose names begin with `gabion.`.

use super::datum::Type;

/// What may stand in brackets behind the name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentRule {
    /// Nothing.
    None,
    /// A number, or nothing.
    Index,
    /// A number or a name, or nothing.
    Either,
    /// A number or a name.
    Required,
    /// A name.
    Key,
    /// What comes behind a dot, or a number in brackets: `evt.arg.flags`, `evt.arg[1]`.
    Dotted,
}

/// On what a value depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Only on the kind of the event.
    Kind,
    /// Only on the process, its ancestors and its container.
    Process,
    /// On the event.
    Event,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One at most.
    One,
    /// One for each ancestor, if no index is given: a comparison that is true for any is true.
    Ancestors,
    /// One for each end of a socket. A comparison that is true for any is true, but `!=` must be true for all.
    Ends,
    /// A list.
    List,
}

/// What tells a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// The process.
    Process(ProcessField),
    /// The event.
    Event(EventField),
    /// The descriptor.
    Fd(FdField),
    /// The paths that a call worked on.
    Path(PathField),
    /// The container or the pod.
    Container(ContainerField),
    /// Nothing that our events have; why.
    Untold(&'static str),
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: Type,
    /// What may stand in brackets behind it.
    pub argument: ArgumentRule,
    /// On what it depends.
    pub scope: Scope,
    /// How many values it has.
    pub shape: Shape,
    /// It can be compared, but not printed.
    pub filter_only: bool,
    /// It can stand on either side of a comparison, and in transformers.
    pub free: bool,
    /// What tells it.
    pub id: Id,
}

impl Row {
    const fn new(name: &'static str, kind: Type, scope: Scope, id: Id) -> Self {
        let (argument, shape) = (ArgumentRule::None, Shape::One);
        Self { name, kind, argument, scope, shape, filter_only: false, free: true, id }
    }

    const fn index(self) -> Self {
        Self { argument: ArgumentRule::Index, ..self }
    }

    const fn either(self) -> Self {
        Self { argument: ArgumentRule::Either, ..self }
    }

    const fn required(self) -> Self {
        Self { argument: ArgumentRule::Required, ..self }
    }

    const fn key(self) -> Self {
        Self { argument: ArgumentRule::Key, ..self }
    }

    const fn dotted(self) -> Self {
        Self { argument: ArgumentRule::Dotted, ..self }
    }

    const fn ancestors(self) -> Self {
        Self { shape: Shape::Ancestors, free: false, ..self }
    }

    const fn bound(self) -> Self {
        Self { free: false, ..self }
    }

    const fn ends(self) -> Self {
        Self { shape: Shape::Ends, filter_only: true, free: false, ..self }
    }

    const fn net(self) -> Self {
        Self { filter_only: true, free: false, ..self }
    }

    const fn list(self) -> Self {
        Self { shape: Shape::List, ..self }
    }

    const fn event(self) -> Self {
        Self { scope: Scope::Event, ..self }
    }

    const fn by_kind(self) -> Self {
        Self { scope: Scope::Kind, ..self }
    }
}

macro_rules! fields {
    ($(#[$doc:meta] $group:ident $scope:ident $enum:ident { $($name:literal $type:ident $variant:ident $($(.$option:ident())+)?;)* })*
     untold { $($uname:literal $utype:ident $why:ident $($(.$uoption:ident())+)?;)* }) => {
        $(
            #[$doc]
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[expect(missing_docs, reason = "each is the field beside it in the table")]
            pub enum $enum { $($variant),* }
        )*

        /// All fields.
        pub const ROWS: &[Row] = &[
            $($(Row::new($name, Type::$type, Scope::$scope, Id::$group($enum::$variant))$($(.$option())+)?,)*)*
            $(Row::new($uname, Type::$utype, Scope::Event, Id::Untold($why))$($(.$uoption())+)?,)*
        ];
    };
}

const MEMORY: &str = "events do not carry memory use";
const TABLE: &str = "there is no table of all descriptors of a process";
const CPU: &str = "events do not carry processor time";
const PLUGIN: &str = "there are no plugins";
const NAMESPACE: &str = "events do not carry the start of the process namespace";
const CGROUP: &str = "events name the container instead of the control group";
const CNI: &str = "what the runtime tells of the network is not kept";
const GONE: &str = "Falco itself no longer tells it";
const LAYER: &str = "events tell the upper layer from all else, not the lower layer";
const HOST: &str = "which namespaces of the host a container has is not kept";

fields! {
    /// Fields of processes, users and groups.
    Process Process ProcessField {
        "proc.exe" CharBuf Exe;
        "proc.pexe" CharBuf ParentExe;
        "proc.aexe" CharBuf AncestorExe.index().ancestors();
        "proc.exepath" CharBuf ExePath;
        "proc.pexepath" CharBuf ParentExePath;
        "proc.aexepath" CharBuf AncestorExePath.index().ancestors();
        "proc.name" CharBuf Name;
        "proc.pname" CharBuf ParentName;
        "proc.aname" CharBuf AncestorName.index().ancestors();
        "proc.args" CharBuf Args.index();
        "proc.aargs" CharBuf AncestorArgs.index();
        "proc.cmdline" CharBuf CmdLine;
        "proc.pcmdline" CharBuf ParentCmdLine;
        "proc.acmdline" CharBuf AncestorCmdLine.index().ancestors();
        "proc.cmdnargs" Uint64 ArgCount;
        "proc.cmdlenargs" Uint64 ArgLength;
        "proc.exeline" CharBuf ExeLine;
        "proc.env" CharBuf Env.either();
        "proc.aenv" CharBuf AncestorEnv.either().ancestors();
        "proc.cwd" CharBuf Cwd;
        "proc.loginshellid" Int64 LoginShell;
        "proc.tty" Uint32 Tty;
        "proc.pid" Int64 Pid;
        "proc.ppid" Int64 ParentPid;
        "proc.apid" Int64 AncestorPid.index().ancestors();
        "proc.vpid" Int64 Vpid;
        "proc.pvpid" Int64 ParentVpid;
        "proc.sid" Int64 Sid;
        "proc.sname" CharBuf SessionName.event();
        "proc.sid.exe" CharBuf SessionExe.event();
        "proc.sid.exepath" CharBuf SessionExePath.event();
        "proc.vpgid" Int64 Vpgid;
        "proc.vpgid.name" CharBuf VirtualGroupName.event();
        "proc.vpgid.exe" CharBuf VirtualGroupExe.event();
        "proc.vpgid.exepath" CharBuf VirtualGroupExePath.event();
        "proc.pgid" Int64 Pgid;
        "proc.pgid.name" CharBuf GroupLeaderName.event();
        "proc.pgid.exe" CharBuf GroupLeaderExe.event();
        "proc.pgid.exepath" CharBuf GroupLeaderExePath.event();
        "proc.duration" RelTime Duration.event();
        "proc.ppid.duration" RelTime ParentDuration.event();
        "proc.pid.ts" RelTime Started;
        "proc.ppid.ts" RelTime ParentStarted;
        "proc.is_exe_writable" Bool ExeWritable;
        "proc.is_exe_upper_layer" Bool ExeUpperLayer;
        "proc.is_exe_from_memfd" Bool ExeMemfd;
        "proc.is_sid_leader" Bool SessionLeader;
        "proc.is_vpgid_leader" Bool VirtualGroupLeader;
        "proc.is_pgid_leader" Bool GroupLeader;
        "proc.exe_ino" Int64 ExeInode;
        "proc.exe_ino.ctime" AbsTime ExeChanged;
        "proc.exe_ino.mtime" AbsTime ExeModified;
        "proc.exe_ino.ctime_duration_proc_start" AbsTime ExeAge;
        "proc.nthreads" Uint64 Threads.event();
        "proc.nchilds" Uint64 OtherThreads.event();
        "thread.cap_permitted" CharBuf Permitted;
        "thread.cap_inheritable" CharBuf Inheritable;
        "thread.cap_effective" CharBuf Effective;
        "thread.tid" Int64 Tid.event();
        "thread.ismain" Bool MainThread.event();
        "thread.vtid" Int64 Vtid.event();
        "thread.nametid" CharBuf NameTid.event();
        "user.uid" Uint32 Uid;
        "gabion.previous_uid" Uint32 PreviousUid;
        "gabion.exe_in_image" Bool ExeInImage;
        "user.name" CharBuf UserName;
        "user.homedir" CharBuf UserHome;
        "user.shell" CharBuf UserShell;
        "user.loginuid" Int64 LoginUid;
        "user.loginname" CharBuf LoginName;
        "group.gid" Uint32 Gid;
        "group.name" CharBuf GroupName;
    }

    /// Fields of events.
    Event Event EventField {
        "evt.num" Uint64 Number;
        "evt.time" CharBuf Time;
        "evt.time.s" CharBuf TimeSeconds;
        "evt.time.iso8601" CharBuf TimeIso;
        "evt.datetime" CharBuf DateTime;
        "evt.datetime.s" CharBuf DateTimeSeconds;
        "evt.rawtime" AbsTime RawTime;
        "evt.rawtime.s" AbsTime RawTimeSeconds;
        "evt.rawtime.ns" AbsTime RawTimeRest;
        "evt.reltime" RelTime RelativeTime;
        "evt.reltime.s" RelTime RelativeSeconds;
        "evt.reltime.ns" RelTime RelativeRest;
        "evt.deltatime" RelTime Delta;
        "evt.deltatime.s" RelTime DeltaSeconds;
        "evt.deltatime.ns" RelTime DeltaRest;
        "evt.latency" RelTime Latency;
        "evt.latency.s" RelTime LatencySeconds;
        "evt.latency.ns" RelTime LatencyRest;
        "evt.latency.quantized" Uint64 LatencyQuantized;
        "evt.latency.human" CharBuf LatencyHuman;
        "evt.wait_latency" RelTime WaitLatency;
        "evt.source" CharBuf Source.by_kind();
        "evt.is_async" Bool Async.by_kind();
        "evt.asynctype" CharBuf AsyncType.by_kind();
        "evt.hostname" CharBuf Hostname;
        "evt.outputtime" CharBuf OutputTime;
        "evt.dir" CharBuf Direction.by_kind();
        "evt.type" CharBuf Type.by_kind();
        "syscall.type" CharBuf SyscallType.by_kind();
        "evt.category" CharBuf Category;
        "evt.cpu" Int16 Cpu;
        "evt.args" CharBuf Args;
        "evt.info" CharBuf Info;
        "evt.arg" CharBuf Arg.dotted();
        "evt.rawarg" CharBuf RawArg.dotted().bound();
        "evt.buffer" ByteBuf Buffer;
        "evt.buflen" Uint64 BufferLength;
        "evt.buflen.in" Uint64 LengthIn;
        "evt.buflen.out" Uint64 LengthOut;
        "evt.buflen.file" Uint64 LengthFile;
        "evt.buflen.file.in" Uint64 LengthFileIn;
        "evt.buflen.file.out" Uint64 LengthFileOut;
        "evt.buflen.net" Uint64 LengthNet;
        "evt.buflen.net.in" Uint64 LengthNetIn;
        "evt.buflen.net.out" Uint64 LengthNetOut;
        "evt.res" CharBuf Result;
        "evt.rawres" Int64 RawResult;
        "evt.failed" Bool Failed;
        "evt.is_io" Bool Io.by_kind();
        "evt.is_io_read" Bool IoRead.by_kind();
        "evt.is_io_write" Bool IoWrite.by_kind();
        "evt.io_dir" CharBuf IoDirection.by_kind();
        "evt.is_wait" Bool Wait.by_kind();
        "evt.is_syslog" Bool Syslog;
        "evt.count" Uint32 Count.by_kind();
        "evt.count.error" Uint32 CountError;
        "evt.count.error.file" Uint32 CountErrorFile;
        "evt.count.error.net" Uint32 CountErrorNet;
        "evt.count.error.memory" Uint32 CountErrorMemory;
        "evt.count.error.other" Uint32 CountErrorOther;
        "evt.count.exit" Uint32 CountExit.by_kind();
        "evt.abspath" CharBuf AbsPath;
        "evt.abspath.src" CharBuf AbsPathSource;
        "evt.abspath.dst" CharBuf AbsPathTarget;
        "evt.is_open_read" Bool OpenRead;
        "evt.is_open_write" Bool OpenWrite;
        "evt.is_open_exec" Bool OpenExec;
        "evt.is_open_create" Bool OpenCreate;
        "gabion.touches_agent" Bool TouchesAgent;
    }

    /// Fields of descriptors.
    Fd Event FdField {
        "fd.num" Int64 Number;
        "fd.type" CharBuf Type;
        "fd.typechar" CharBuf TypeChar;
        "fd.name" CharBuf Name;
        "fd.directory" CharBuf Directory;
        "fd.filename" CharBuf FileName;
        "fd.ip" IpAddr Ip.ends();
        "fd.cip" IpAddr ClientIp;
        "fd.sip" IpAddr ServerIp;
        "fd.lip" IpAddr LocalIp;
        "fd.rip" IpAddr RemoteIp;
        "fd.port" Port Port.ends();
        "fd.cport" Port ClientPort;
        "fd.sport" Port ServerPort;
        "fd.lport" Port LocalPort;
        "fd.rport" Port RemotePort;
        "fd.l4proto" CharBuf Transport;
        "fd.sockfamily" CharBuf Family;
        "fd.is_server" Bool Server;
        "fd.uid" CharBuf Uid;
        "fd.containername" CharBuf ContainerName;
        "fd.containerdirectory" CharBuf ContainerDirectory;
        "fd.proto" Port Protocol.ends();
        "fd.cproto" CharBuf ClientProtocol;
        "fd.sproto" CharBuf ServerProtocol;
        "fd.lproto" CharBuf LocalProtocol;
        "fd.rproto" CharBuf RemoteProtocol;
        "fd.net" IpNet Net.ends();
        "fd.cnet" IpNet ClientNet.net();
        "fd.snet" IpNet ServerNet.net();
        "fd.lnet" IpNet LocalNet.net();
        "fd.rnet" IpNet RemoteNet.net();
        "fd.connected" Bool Connected;
        "fd.name_changed" Bool NameChanged;
        "fd.cip.name" CharBuf ClientHost.bound();
        "fd.sip.name" CharBuf ServerHost.bound();
        "fd.lip.name" CharBuf LocalHost.bound();
        "fd.rip.name" CharBuf RemoteHost.bound();
        "fd.dev" Int32 Device;
        "fd.dev.major" Int32 Major;
        "fd.dev.minor" Int32 Minor;
        "fd.ino" Int64 Inode;
        "fd.nameraw" CharBuf RawName;
        "fd.is_upper_layer" Bool UpperLayer;
    }

    /// Paths that calls worked on.
    Path Event PathField {
        "fs.path.name" CharBuf Name;
        "fs.path.nameraw" CharBuf RawName;
        "fs.path.source" CharBuf Source;
        "fs.path.sourceraw" CharBuf RawSource;
        "fs.path.target" CharBuf Target;
        "fs.path.targetraw" CharBuf RawTarget;
    }

    /// Fields of containers and pods.
    Container Process ContainerField {
        "container.id" CharBuf Id;
        "container.full_id" CharBuf FullId;
        "container.name" CharBuf Name;
        "container.image" CharBuf Image;
        "container.image.id" CharBuf ImageId;
        "container.type" CharBuf Type;
        "container.privileged" Bool Privileged;
        "container.mounts" CharBuf Mounts;
        "container.mount" CharBuf Mount.required();
        "container.mount.source" CharBuf MountSource.required();
        "container.mount.dest" CharBuf MountDestination.required();
        "container.mount.mode" CharBuf MountMode.required();
        "container.mount.rdwr" CharBuf MountWritable.required();
        "container.mount.propagation" CharBuf MountPropagation.required();
        "container.image.repository" CharBuf Repository;
        "container.image.tag" CharBuf Tag;
        "container.image.digest" CharBuf Digest;
        "container.start_ts" AbsTime Started;
        "container.duration" RelTime Duration.event();
        "container.ip" CharBuf Address;
        "container.label" CharBuf Label.key();
        "container.labels" CharBuf Labels;
        "k8s.pod.name" CharBuf PodName;
        "k8s.ns.name" CharBuf Namespace;
        "k8s.pod.id" CharBuf PodId;
        "k8s.pod.uid" CharBuf PodUid;
        "k8s.pod.sandbox_id" CharBuf Sandbox;
        "k8s.pod.full_sandbox_id" CharBuf FullSandbox;
        "k8s.pod.label" CharBuf PodLabel.key();
        "k8s.pod.labels" CharBuf PodLabels;
        "k8s.pod.ip" CharBuf PodAddress;
    }

    untold {
        "evt.pluginname" CharBuf PLUGIN;
        "evt.plugininfo" CharBuf PLUGIN;
        "evt.type.is" Uint32 GONE.dotted();
        "evt.around" Uint64 GONE.required();
        "evt.count.procinfo" Uint32 CPU;
        "evt.count.threadinfo" Uint32 CPU;
        "evt.infra.docker.name" CharBuf GONE;
        "evt.infra.docker.container.id" CharBuf GONE;
        "evt.infra.docker.container.name" CharBuf GONE;
        "evt.infra.docker.container.image" CharBuf GONE;
        "fd.types" CharBuf TABLE.index().list();
        "fd.is_lower_layer" Bool LAYER;
        "fdlist.nums" CharBuf TABLE;
        "fdlist.names" CharBuf TABLE;
        "fdlist.cips" CharBuf TABLE;
        "fdlist.sips" CharBuf TABLE;
        "fdlist.cports" CharBuf TABLE;
        "fdlist.sports" CharBuf TABLE;
        "proc.is_exe_lower_layer" Bool LAYER;
        "proc.exe_ino.ctime_duration_pidns_start" AbsTime NAMESPACE;
        "proc.pidns_init_start_ts" Uint64 NAMESPACE;
        "proc.fdopencount" Uint64 TABLE;
        "proc.fdlimit" Int64 TABLE;
        "proc.fdusage" Double TABLE;
        "proc.vmsize" Uint64 MEMORY;
        "proc.vmrss" Uint64 MEMORY;
        "proc.vmswap" Uint64 MEMORY;
        "thread.pfmajor" Uint64 MEMORY;
        "thread.pfminor" Uint64 MEMORY;
        "thread.vmsize" Uint64 MEMORY;
        "thread.vmrss" Uint64 MEMORY;
        "thread.vmsize.b" Uint64 MEMORY;
        "thread.vmrss.b" Uint64 MEMORY;
        "thread.exectime" RelTime CPU;
        "thread.totexectime" RelTime CPU;
        "thread.cpu" Double CPU;
        "thread.cpu.user" Double CPU;
        "thread.cpu.system" Double CPU;
        "thread.cgroups" CharBuf CGROUP;
        "thread.cgroup" CharBuf CGROUP.dotted();
        "proc.stdin.type" CharBuf TABLE;
        "proc.stdout.type" CharBuf TABLE;
        "proc.stderr.type" CharBuf TABLE;
        "proc.stdin.name" CharBuf TABLE;
        "proc.stdout.name" CharBuf TABLE;
        "proc.stderr.name" CharBuf TABLE;
        "container.healthcheck" CharBuf GONE;
        "container.liveness_probe" CharBuf GONE;
        "container.readiness_probe" CharBuf GONE;
        "proc.is_container_healthcheck" Bool GONE;
        "proc.is_container_liveness_probe" Bool GONE;
        "proc.is_container_readiness_probe" Bool GONE;
        "container.cni.json" CharBuf CNI;
        "k8s.pod.cni.json" CharBuf CNI;
        "container.host_pid" Bool HOST;
        "container.host_network" Bool HOST;
        "container.host_ipc" Bool HOST;
        "k8s.rc.name" CharBuf GONE;
        "k8s.rc.id" CharBuf GONE;
        "k8s.rc.label" CharBuf GONE.key();
        "k8s.rc.labels" CharBuf GONE;
        "k8s.svc.name" CharBuf GONE;
        "k8s.svc.id" CharBuf GONE;
        "k8s.svc.label" CharBuf GONE.key();
        "k8s.svc.labels" CharBuf GONE;
        "k8s.ns.id" CharBuf GONE;
        "k8s.ns.label" CharBuf GONE.key();
        "k8s.ns.labels" CharBuf GONE;
        "k8s.rs.name" CharBuf GONE;
        "k8s.rs.id" CharBuf GONE;
        "k8s.rs.label" CharBuf GONE.key();
        "k8s.rs.labels" CharBuf GONE;
        "k8s.deployment.name" CharBuf GONE;
        "k8s.deployment.id" CharBuf GONE;
        "k8s.deployment.label" CharBuf GONE.key();
        "k8s.deployment.labels" CharBuf GONE;
    }
}

/// The field of this name.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
