//! Why the sensor could not be opened or read.

use thiserror::Error;

/// What can go wrong with the sensor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SensorError {
    /// Programs may not be loaded.
    #[error(
        "the sensor needs {}, which this process has not; without it, only what /proc shows can be seen", .missing.join(" and ")
    )]
    Privileges {
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// The kernel does not describe its types.
    #[error(
        "the kernel does not describe its types in /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF), which the sensor needs: {0}; \
         without it, only what /proc shows can be seen"
    )]
    NoBtf(String),
    /// The kernel refuses what cannot be done without.
    #[error("the programs of the sensor cannot be loaded: {0}")]
    Load(String),
    /// A feature that is needed is not there.
    #[error("{feature} cannot be told: {reason}")]
    Feature {
        /// Which one.
        feature: super::Feature,
        /// Why not.
        reason: String,
    },
    /// A ring cannot be read.
    #[error("the ring {ring} of the sensor cannot be read")]
    Ring {
        /// Its name.
        ring: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A map cannot be read or written.
    #[error("the map {map} of the sensor cannot be used: {reason}")]
    Map {
        /// Its name.
        map: &'static str,
        /// Why not.
        reason: String,
    },
}
