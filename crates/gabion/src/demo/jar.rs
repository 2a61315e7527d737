//! Java archives that hold nothing but what says which library they are: enough for a scanner, harmless to run.

/// A jar with the Maven record of a library, for example `org.apache.logging.log4j`, `log4j-core`, `2.14.1`.
pub(super) fn jar(group: &str, artifact: &str, version: &str) -> Vec<u8> {
    let manifest = format!(
        "Manifest-Version: 1.0\r\nImplementation-Title: {artifact}\r\nImplementation-Version: {version}\r\n\r\n"
    );
    let record = format!("version={version}\ngroupId={group}\nartifactId={artifact}\n");
    let path = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    zip(&[("META-INF/MANIFEST.MF", manifest.as_bytes()), (&path, record.as_bytes())])
}

/// A zip archive of files that are stored as they are.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let at = archive.len() as u32;
        // Version, flags, method, time, date (1980-01-01); then what the directory repeats.
        let mut about = [10_u16, 0, 0, 0, 0x21].map(u16::to_le_bytes).concat();
        let size = bytes.len() as u32;
        about.extend([crc32(bytes), size, size].map(u32::to_le_bytes).concat());
        about.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        archive.extend([&b"PK\x03\x04"[..], &about, name.as_bytes(), bytes].concat());
        // Made by version 1.0; no comment, first disk, no attributes.
        let end = [&[0; 10][..], &at.to_le_bytes()].concat();
        directory.extend([&b"PK\x01\x02\x0a\x00"[..], &about, &end, name.as_bytes()].concat());
    }
    let (count, at, size) = (files.len() as u16, archive.len() as u32, directory.len() as u32);
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].map(u16::to_le_bytes).concat());
    archive.extend([size, at].map(u32::to_le_bytes).concat());
    archive.extend([0, 0]);
    archive
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};

    #[test]
    fn a_jar_says_which_library_it_is() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut archive =
            zip::ZipArchive::new(Cursor::new(jar("org.example", "lib", "1.2"))).expect("an archive");
        assert_eq!(archive.len(), 2);
        let mut told = String::new();
        let mut file = archive.by_name("META-INF/maven/org.example/lib/pom.properties").expect("is there");
        file.read_to_string(&mut told).expect("reads");
        assert_eq!(told, "version=1.2\ngroupId=org.example\nartifactId=lib\n");
    }
}
