//! `gabion demo`: a small shop of three containers with the faults that shops have, to see what Gabion says of it.
//!
//! ```text
//!   start   images of what this machine has ──► DIRECTORY/oci          attack   an intrusion that does no harm
//!           runc, a bridge, no other network ──► shop-web ──► shop-api ──► payments
//!   fix     the base without its known vulnerabilities, and containers of it, one after the other
//!   stop    nothing is left
//! ```
//! `DIRECTORY/run` is a file system in memory, for what runs: overlays can lie on it wherever DIRECTORY is. What was started is
//! in `DIRECTORY/demo.json` before it is started, so that `stop` finds it after whatever happened.

mod attack;
mod container;
mod estate;
mod image;
mod jar;
mod network;
mod packages;

use crate::output;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use container::Wanted;
use estate::{APPS, App};
use image::{Built, Layout};
use network::Network;
use rustix::mount::{MountFlags, mount};
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Where the demo is, unless told otherwise.
pub(crate) const DIRECTORY: &str = "/var/lib/gabion/demo";
/// How many may be there at once.
const MAX_ESTATES: u8 = 16;
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    what: Demo,
    /// Where its images and what runs are kept
    #[arg(long, global = true, value_name = "DIR", default_value = DIRECTORY)]
    directory: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Demo {
    /// Build images of what this machine has, and start three containers of them (as root, with runc and busybox-static)
    Start,
    /// Break into them, without doing any harm, so that there are alerts and an incident
    Attack,
    /// Build the images anew on a base without its known vulnerabilities, and replace the containers one after the other
    Fix {
        /// Seconds to wait after each container
        #[arg(long, value_name = "SECONDS", default_value_t = 3)]
        pause: u64,
    },
    /// Stop the containers, and remove all that belongs to them
    Stop,
}

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        Demo::Start => start(&args.directory)?,
        Demo::Attack => attack(&args.directory)?,
        Demo::Fix { pause } => fix(&args.directory, Duration::from_secs(pause))?,
        Demo::Stop => stop(&args.directory)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What was started.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// Which of several estates on this machine it is.
    number: u8,
    /// The images with fixed packages run.
    fixed: bool,
    /// Who knows it may use the hole.
    word: String,
    /// There is a network of its own; if not, servers listen on the loopback of this machine.
    network: bool,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    address: Ipv4Addr,
    port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

impl From<Place> for SocketAddr {
    fn from(place: Place) -> Self {
        (place.address, place.port).into()
    }
}

impl State {
    /// A new one, that is like no other on this machine.
    fn new() -> anyhow::Result<Self> {
        let network = network::is_possible();
        if !network {
            output::note(
                "there is no `ip` to make a network with: the demo listens on the loopback of this machine",
            );
        }
        let mut random = [0; 16];
        fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random))?;
        let word = format!("{:032x}", u128::from_ne_bytes(random));
        let mut state = Self { number: 0, fixed: false, word, network };
        let taken = |state: &Self| {
            (network && !state.net().is_free()) || APPS.iter().any(|app| container::exists(&state.id(app)))
        };
        while taken(&state) {
            state.number += 1;
            if state.number == MAX_ESTATES {
                bail!("{MAX_ESTATES} demos are on this machine already");
            }
        }
        Ok(state)
    }

    fn read(directory: &Path) -> anyhow::Result<Option<Self>> {
        let path = directory.join("demo.json");
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", path.display()))?,
            )),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let path = directory.join("demo.json");
        let new = directory.join("demo.json.new");
        let write = || {
            let mut options = fs::File::options();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            fs::rename(&new, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    fn net(&self) -> Network {
        Network { number: self.number }
    }

    /// What a container is called.
    fn id(&self, app: &App) -> String {
        let suffix = if self.number == 0 { String::new() } else { format!("-{}", self.number) };
        format!("gabion-demo-{}{suffix}", app.name)
    }

    /// Where the containers listen, in the order of [`APPS`].
    fn places(&self) -> [Place; APPS.len()] {
        std::array::from_fn(|n| {
            let n = n as u8;
            if self.network {
                Place { address: self.net().address(n + 2), port: 8080 }
            } else {
                let port = 18080 + u16::from(self.number) * 10 + u16::from(n);
                Place { address: Ipv4Addr::LOCALHOST, port }
            }
        })
    }

    fn runs(&self) -> bool {
        APPS.iter().all(|app| container::runs(&self.id(app)))
    }
}

/// Builds the images, and starts containers of them. If all of them run already, they stay; else all are started anew.
pub(crate) fn start(directory: &Path) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the demo starts containers\nhint: sudo gabion demo start");
    }
    if !container::is_possible() {
        bail!("the demo needs runc\nhint: install runc and busybox-static");
    }
    let directory = &std::path::absolute(directory)?;
    // Both have a meaning in what overlays and `gabion scan` are told.
    if directory.to_str().is_none_or(|path| path.contains([',', ':', '\\'])) {
        bail!("{}: a directory without commas and colons is needed", directory.display());
    }
    match State::read(directory)? {
        Some(state) if state.runs() => {
            output::note("the demo runs already");
            return Ok(());
        }
        Some(_) => stop(directory)?,
        None => {}
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let state = State::new()?;
    state.write(directory)?;
    bring_up(&state, directory).inspect_err(|_| {
        // What is left is told by the error that matters more.
        let _ = stop(directory);
    })?;
    let [_, _, web] = state.places();
    output::note(&format!("the shop is on http://{web}/"));
    Ok(())
}

fn bring_up(state: &State, directory: &Path) -> anyhow::Result<()> {
    let home = directory.join("run");
    let told = || format!("cannot make {}", home.display());
    fs::create_dir_all(&home).with_context(told)?;
    let options = Some(c"size=256m,mode=700");
    mount("tmpfs", &home, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options).with_context(told)?;
    fs::write(home.join("token"), "made up: this opens nothing\n").with_context(told)?;
    fs::set_permissions(home.join("token"), fs::Permissions::from_mode(0o644)).with_context(told)?;
    let (layout, images) = build(directory, false)?;
    if state.network {
        state.net().start()?;
    }
    for (n, (app, image)) in APPS.iter().zip(&images).enumerate() {
        if state.network {
            state.net().join(app.name, n as u8 + 2)?;
        }
        run_one(state, app, image, directory, &layout)?;
    }
    Ok(())
}

/// Builds all images of a tag; those that run are given.
fn build(directory: &Path, fixed: bool) -> anyhow::Result<(Layout, Vec<Built>)> {
    let mut layout = Layout::open(&directory.join("oci"), &directory.join("run/layers"))?;
    let images = estate::build(&mut layout, fixed)?;
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    output::note(&format!("built {} on demo/base:{}", names.join(", "), if fixed { 2 } else { 1 }));
    Ok((layout, images))
}

/// Starts one, and waits until it listens.
fn run_one(state: &State, app: &App, image: &Built, directory: &Path, layout: &Layout) -> anyhow::Result<()> {
    let id = state.id(app);
    let [payments, api, _] = state.places();
    let own = APPS.iter().zip(state.places()).find(|(other, _)| other.name == app.name);
    let (_, place) = own.context("it is none of the demo's")?;
    let listen = if state.network { format!("0.0.0.0:{}", place.port) } else { place.to_string() };
    let wanted = Wanted {
        id: &id,
        image,
        user: app.user,
        environment: vec![
            format!("LISTEN={listen}"),
            format!("API={api}"),
            format!("PAYMENTS={payments}"),
            format!("DEMO_WORD={}", state.word),
        ],
        network: state.network.then(|| state.net().path(app.name)),
        token: &directory.join("run/token"),
    };
    container::start(&wanted, &directory.join("run").join(app.name), layout, directory)?;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect_timeout(&place.into(), Duration::from_secs(1)).is_err() {
        if Instant::now() > deadline {
            bail!("{id} does not listen on {place}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    output::note(&format!("started {id} of {}", image.name));
    Ok(())
}

/// Breaks into the containers, and says what it does.
pub(crate) fn attack(directory: &Path) -> anyhow::Result<()> {
    attack::run(&started(directory)?);
    Ok(())
}

/// Replaces the base by one without its known vulnerabilities, and the containers by such of it; waits after each for `pause`.
pub(crate) fn fix(directory: &Path, pause: Duration) -> anyhow::Result<()> {
    let directory = &std::path::absolute(directory)?;
    let mut state = started(directory)?;
    if state.fixed {
        output::note("it is fixed already");
        return Ok(());
    }
    let (layout, images) = build(directory, true)?;
    for (app, image) in APPS.iter().zip(&images) {
        let id = state.id(app);
        container::stop(&id, &directory.join("run").join(app.name))?;
        output::note(&format!("stopped {id}"));
        run_one(&state, app, image, directory, &layout)?;
        std::thread::sleep(pause);
    }
    state.fixed = true;
    state.write(directory)
}

/// Removes all that was started, if anything was.
pub(crate) fn stop(directory: &Path) -> anyhow::Result<()> {
    let directory = &std::path::absolute(directory)?;
    let Some(state) = State::read(directory)? else { return Ok(()) };
    for app in APPS.iter().rev() {
        container::stop(&state.id(app), &directory.join("run").join(app.name))?;
    }
    if state.network {
        state.net().stop(APPS.iter().map(|app| app.name))?;
    }
    container::detach(&directory.join("run"))?;
    for name in ["run", "oci"] {
        container::remove(&directory.join(name))?;
    }
    // Last: as long as it is there, there may be something to stop.
    fs::remove_file(directory.join("demo.json"))?;
    // It stays if it has something of somebody else.
    let _ = fs::remove_dir(directory);
    output::note("stopped the demo");
    Ok(())
}

/// What was started; some of it may have been stopped by a response.
fn started(directory: &Path) -> anyhow::Result<State> {
    let none = || format!("no demo was started in {}\nhint: sudo gabion demo start", directory.display());
    State::read(directory)?.with_context(none)
}
