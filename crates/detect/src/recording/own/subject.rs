//! Processes and containers in a block.

use super::event::{read_address, write_address};
use super::wire::{In, Out};
use gabion_model::Digest;
use gabion_model::event::{Credentials, Executable, InImage, Process};
use gabion_model::workload::{Container, ContainerKey, Mount, Pod, Property, RunImage, Runtime};

pub(super) fn write_process(out: &mut Out, process: &Process) {
    let Process {
        parent,
        vpid,
        vsid,
        vpgid,
        sid,
        pgid,
        comm,
        args,
        args_cut,
        env,
        env_cut,
        cwd,
        tty,
        credentials,
        exe,
        found,
        exec_time,
    } = process;
    for number in [parent, vpid, vsid, vpgid, sid, pgid, args_cut, env_cut, tty] {
        out.uint(*number);
    }
    out.text(comm);
    out.list(args.iter().map(Vec::as_slice));
    out.list(env.iter().map(Vec::as_slice));
    out.text(cwd);
    let Credentials { uid, gid, loginuid, inheritable, permitted, effective } = credentials;
    for number in [uid, gid, loginuid] {
        out.uint(*number);
    }
    for set in [inheritable, permitted, effective] {
        out.uint(*set);
    }
    write_executable(out, exe);
    out.flag(*found);
    out.uint(*exec_time);
}

#[expect(clippy::similar_names, reason = "they are called so")]
pub(super) fn read_process(input: &mut In<'_>) -> Option<Process> {
    let mut numbers = [0_u32; 9];
    for number in &mut numbers {
        *number = input.uint()?;
    }
    let [parent, vpid, vsid, vpgid, sid, pgid, args_cut, env_cut, tty] = numbers;
    Some(Process {
        parent,
        vpid,
        vsid,
        vpgid,
        sid,
        pgid,
        args_cut,
        env_cut,
        tty,
        comm: input.text()?.to_vec(),
        args: input.texts()?,
        env: input.texts()?,
        cwd: input.text()?.to_vec(),
        credentials: Credentials {
            uid: input.uint()?,
            gid: input.uint()?,
            loginuid: input.uint()?,
            inheritable: input.uint()?,
            permitted: input.uint()?,
            effective: input.uint()?,
        },
        exe: read_executable(input)?,
        found: input.flag()?,
        exec_time: input.uint()?,
    })
}

fn write_executable(out: &mut Out, exe: &Executable) {
    let Executable { path, dev, ino, ctime, mtime, upper_layer, memfd, writable, in_image, digest } = exe;
    out.text(path);
    for number in [dev, ino, ctime, mtime] {
        out.uint(*number);
    }
    for flag in [upper_layer, memfd, writable] {
        out.flag(*flag);
    }
    out.byte(match in_image {
        InImage::Unknown => 0,
        InImage::Yes => 1,
        InImage::No => 2,
    });
    write_digest(out, *digest);
}

fn read_executable(input: &mut In<'_>) -> Option<Executable> {
    Some(Executable {
        path: input.text()?.to_vec(),
        dev: input.uint()?,
        ino: input.uint()?,
        ctime: input.uint()?,
        mtime: input.uint()?,
        upper_layer: input.flag()?,
        memfd: input.flag()?,
        writable: input.flag()?,
        in_image: match input.byte()? {
            0 => InImage::Unknown,
            1 => InImage::Yes,
            2 => InImage::No,
            _ => return None,
        },
        digest: read_digest(input)?,
    })
}

fn write_digest(out: &mut Out, digest: Option<Digest>) {
    out.flag(digest.is_some());
    if let Some(digest) = digest {
        out.bytes.extend_from_slice(digest.as_bytes());
    }
}

#[expect(clippy::option_option, reason = "the outer says that it could not be read")]
fn read_digest(input: &mut In<'_>) -> Option<Option<Digest>> {
    Some(if input.flag()? { Some(Digest::sha256(input.array()?)) } else { None })
}

fn write_pairs(out: &mut Out, pairs: &[(String, String)]) {
    out.count(pairs.len());
    for (name, value) in pairs {
        out.text(name.as_bytes());
        out.text(value.as_bytes());
    }
}

fn read_pairs(input: &mut In<'_>) -> Option<Vec<(String, String)>> {
    let mut left = super::MAX_LISTED;
    input.list(usize::MAX, |input| {
        let pair = (input.string()?, input.string()?);
        left = left.checked_sub(pair.0.len() + pair.1.len() + size_of::<(String, String)>())?;
        Some(pair)
    })
}

pub(super) fn write_container(out: &mut Out, container: &Container) {
    let Container {
        key,
        id,
        name,
        runtime,
        image,
        labels,
        pod,
        mounts,
        privileged,
        created,
        addresses,
        late,
        unknown,
    } = container;
    out.uint(key.0);
    out.text(id.as_bytes());
    out.text(name.as_bytes());
    out.byte(RUNTIMES.iter().position(|one| one == runtime).unwrap_or_default() as u8);
    out.text(image.repository.as_bytes());
    out.text(image.tag.as_bytes());
    write_digest(out, image.digest);
    write_digest(out, image.id);
    write_pairs(out, labels);
    out.flag(pod.is_some());
    if let Some(Pod { name, namespace, uid, sandbox, labels }) = pod {
        for text in [name, namespace, uid, sandbox] {
            out.text(text.as_bytes());
        }
        write_pairs(out, labels);
    }
    out.count(mounts.len());
    for Mount { source, destination, mode, writable, propagation } in mounts {
        for text in [source, destination, mode, propagation] {
            out.text(text.as_bytes());
        }
        out.flag(*writable);
    }
    out.byte(privileged.map_or(0, |privileged| if privileged { 2 } else { 1 }));
    out.uint(*created);
    out.count(addresses.len());
    for address in addresses {
        write_address(out, *address);
    }
    out.flag(*late);
    out.uint(
        Property::ALL
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (at, one)| bits | u32::from(unknown.contains(one)) << at),
    );
}

pub(super) fn read_container(input: &mut In<'_>) -> Option<Container> {
    Some(Container {
        key: ContainerKey(input.uint()?),
        id: input.string()?,
        name: input.string()?,
        runtime: *RUNTIMES.get(usize::from(input.byte()?))?,
        image: RunImage {
            repository: input.string()?,
            tag: input.string()?,
            digest: read_digest(input)?,
            id: read_digest(input)?,
        },
        labels: read_pairs(input)?,
        pod: if input.flag()? { Some(read_pod(input)?) } else { None },
        mounts: read_mounts(input)?,
        privileged: match input.byte()? {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return None,
        },
        created: input.uint()?,
        addresses: input.list(usize::MAX, |input| read_address(input)?)?,
        late: input.flag()?,
        unknown: read_unknown(input)?,
    })
}

fn read_unknown(input: &mut In<'_>) -> Option<Vec<Property>> {
    let bits: u32 = input.uint()?;
    let all = Property::ALL.iter().enumerate();
    (bits >> Property::ALL.len() == 0)
        .then(|| all.filter(|(at, _)| bits >> at & 1 == 1).map(|(_, one)| *one).collect())
}

fn read_pod(input: &mut In<'_>) -> Option<Pod> {
    Some(Pod {
        name: input.string()?,
        namespace: input.string()?,
        uid: input.string()?,
        sandbox: input.string()?,
        labels: read_pairs(input)?,
    })
}

fn read_mounts(input: &mut In<'_>) -> Option<Vec<Mount>> {
    let mut left = super::MAX_LISTED;
    input.list(usize::MAX, |input| {
        let mount = Mount {
            source: input.string()?,
            destination: input.string()?,
            mode: input.string()?,
            propagation: input.string()?,
            writable: input.flag()?,
        };
        let texts = [&mount.source, &mount.destination, &mount.mode, &mount.propagation];
        let length: usize = texts.iter().map(|text| text.len()).sum();
        left = left.checked_sub(length + size_of::<Mount>())?;
        Some(mount)
    })
}

/// Runtimes by the number that they have in a recording; new ones are appended.
const RUNTIMES: [Runtime; 6] =
    [Runtime::Unknown, Runtime::Containerd, Runtime::Docker, Runtime::Podman, Runtime::Crio, Runtime::Oci];
