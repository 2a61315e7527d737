//! Which state belongs to a control group, and what it says.
//!
//! A bundle says where its container sits, so a group is believed to be that container only if both agree: whoever may
//! make groups somewhere (a delegated service, a user) cannot borrow the name of a container that runs elsewhere.

use super::{
    bundle::{Bundle, RuncState},
    docker, draft,
    images::Images,
    recognise::{Candidate, ContainerRef},
    roots::{Roots, home},
    state::{State, StateError},
    storage,
};
use gabion_model::{
    Container,
    workload::{Property, Runtime},
};
use std::{collections::HashMap, path::PathBuf};

/// Who a control group may be.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) id: String,
    pub(super) user: Option<u32>,
    /// What the path says of it; `None` for what need not be a container.
    pub(super) sure: Option<(Runtime, Option<String>)>,
}

impl From<ContainerRef> for Who {
    fn from(found: ContainerRef) -> Self {
        Self { id: found.id, user: found.user, sure: Some((found.runtime, found.pod)) }
    }
}

impl From<Candidate> for Who {
    fn from(found: Candidate) -> Self {
        Self { id: found.id, user: found.user, sure: None }
    }
}

/// What the state says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It is this container. In which namespace, if it is containerd's.
    Known(Option<String>),
    /// It is not there. In this directory it will appear, if it is known where.
    Absent(Option<PathBuf>),
    /// There is a container of that id, but it sits elsewhere.
    Elsewhere,
}

/// Reads state beneath the roots of the system and of users.
#[derive(Debug)]
pub(super) struct Reader {
    system: Roots,
    passwd: PathBuf,
    users: HashMap<u32, Roots>,
    pub(super) images: Images,
}

impl Reader {
    pub(super) fn new(system: Roots, passwd: PathBuf) -> Self {
        Self { system, passwd, users: HashMap::new(), images: Images::default() }
    }

    /// Puts what the state says of `who`, whose control group is `path`, into the container.
    pub(super) fn read(
        &mut self,
        who: &Who,
        path: &[u8],
        container: &mut Container,
    ) -> Result<Reading, StateError> {
        let roots = match who.user {
            None => &self.system,
            Some(user) => match self.users.entry(user) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(free) => {
                    let Some(home) = home(&self.passwd, user)? else { return Ok(Reading::Absent(None)) };
                    free.insert(Roots::of_user(user, &home))
                }
            },
        };
        let mut search = Search { who, path, roots, images: &mut self.images };
        let reading = search.run(container)?;
        if let Some((_, Some(uid))) = &who.sure {
            of_pod(container, uid);
        }
        Ok(reading)
    }
}

/// The uid of the pod, which the path has even if nothing else is known of the pod.
fn of_pod(container: &mut Container, uid: &str) {
    if container.pod.is_some() || draft::lacks(container, Property::Pod) {
        let pod = container.pod.get_or_insert_default();
        if pod.uid.is_empty() {
            uid.clone_into(&mut pod.uid);
        }
    }
}

/// One search.
struct Search<'a> {
    who: &'a Who,
    path: &'a [u8],
    roots: &'a Roots,
    images: &'a mut Images,
}

impl Search<'_> {
    fn run(&mut self, container: &mut Container) -> Result<Reading, StateError> {
        match self.who.sure.as_ref().map(|(runtime, _)| *runtime) {
            Some(Runtime::Containerd) => self.tasks(container),
            Some(Runtime::Docker) => match self.tasks(container)? {
                // Its bundle is elsewhere, but not its own state.
                Reading::Absent(watch) => {
                    Ok(if self.docker(container)? { Reading::Known(None) } else { Reading::Absent(watch) })
                }
                found => Ok(found),
            },
            Some(Runtime::Podman | Runtime::Crio) => self.storage(container),
            Some(Runtime::Oci) => self.runc(container),
            Some(Runtime::Unknown) => match self.tasks(container)? {
                Reading::Absent(_) => {
                    container.runtime = Runtime::Crio;
                    let found = self.storage(container)?;
                    if !matches!(found, Reading::Known(_)) {
                        container.runtime = Runtime::Unknown;
                    }
                    Ok(found)
                }
                found => Ok(found),
            },
            None => match self.tasks(container)? {
                Reading::Known(namespace) => Ok(Reading::Known(namespace)),
                Reading::Absent(_) | Reading::Elsewhere => self.runc(container),
            },
        }
    }

    /// Whether the bundle and the control group belong together.
    fn fits(&self, sits: Option<bool>) -> bool {
        sits.unwrap_or(self.who.sure.is_some())
    }

    /// Tasks of containerd; those in the namespace `moby` are Docker's.
    fn tasks(&mut self, container: &mut Container) -> Result<Reading, StateError> {
        let of_docker = self
            .roots
            .docker
            .iter()
            .map(|root| root.exec.join("containerd/daemon/io.containerd.runtime.v2.task"));
        let mut elsewhere = false;
        for root in self.roots.tasks.iter().cloned().chain(of_docker) {
            let Some(state) = there(State::open(&root, self.roots.owner))? else { continue };
            for namespace in state.directories()? {
                let name = format!("{namespace}/{}/config.json", self.who.id);
                let Some(bundle) = there(state.json::<Bundle>(&name))? else { continue };
                if !self.fits(bundle.sits_at(self.path)) {
                    elsewhere = true;
                    continue;
                }
                if namespace == "moby" {
                    container.runtime = Runtime::Docker;
                    bundle.fill(container, self.who.user.is_some());
                    self.docker(container)?;
                    return Ok(Reading::Known(None));
                }
                container.runtime = Runtime::Containerd;
                bundle.fill(container, self.who.user.is_some());
                draft::name(container, &self.who.id);
                if !matches!(self.who.sure, Some((_, Some(_)))) {
                    draft::pod(container, None);
                }
                draft::some_labels(container, bundle.plain_annotations());
                self.images.of_containerd(container);
                return Ok(Reading::Known(Some(namespace)));
            }
        }
        Ok(if elsewhere { Reading::Elsewhere } else { Reading::Absent(None) })
    }

    fn docker(&mut self, container: &mut Container) -> Result<bool, StateError> {
        for root in &self.roots.docker {
            if there(docker::read(root, self.roots.owner, container, self.images))?.is_some() {
                container.runtime = Runtime::Docker;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn storage(&mut self, container: &mut Container) -> Result<Reading, StateError> {
        let rootless = self.who.user.is_some();
        for root in &self.roots.storage {
            match there(storage::read(root, self.roots.owner, self.path, container, self.images, rootless))? {
                Some(true) => return Ok(Reading::Known(None)),
                Some(false) => return Ok(Reading::Elsewhere),
                None => {}
            }
        }
        Ok(Reading::Absent(None))
    }

    /// runc by itself. Its directory is made before the control group, its state after.
    fn runc(&self, container: &mut Container) -> Result<Reading, StateError> {
        for root in &self.roots.runc {
            let Some(state) = there(State::open(root, self.roots.owner))? else { continue };
            let Some(runc) = there(state.json::<RuncState>(&format!("{}/state.json", self.who.id)))? else {
                if state.has_directory(&self.who.id) {
                    return Ok(Reading::Absent(Some(root.join(&self.who.id))));
                }
                continue;
            };
            if !runc.sits_at(self.path) {
                return Ok(Reading::Elsewhere);
            }
            container.runtime = Runtime::Oci;
            draft::name(container, &self.who.id);
            draft::created(container, runc.created());
            draft::pod(container, None);
            if let Some(bundle) = runc.bundle() {
                let bundle: Bundle = State::open(&bundle, self.roots.owner)?.json("config.json")?;
                bundle.fill(container, self.who.user.is_some());
                bundle.fill_image(container);
                draft::labels(container, bundle.labels(self.who.user.is_some()));
            }
            return Ok(Reading::Known(None));
        }
        Ok(Reading::Absent(None))
    }
}

/// `None` for what is not there.
fn there<T>(read: Result<T, StateError>) -> Result<Option<T>, StateError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
