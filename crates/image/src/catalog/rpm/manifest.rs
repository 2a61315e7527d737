//! `var/lib/rpmmanifest/container-manifest-2`: what distroless images of Azure Linux have in place of a
//! database. Each line is the output of
//!
//! ```text
//! rpm -qa --qf "%{NAME}\t%{VERSION}-%{RELEASE}\t%{INSTALLTIME}\t%{BUILDTIME}\t%{VENDOR}\t%{EPOCH}\t%{SIZE}\t%{ARCH}\t%{EPOCHNUM}\t%{SOURCERPM}\n"
//! ```
//!
//! (Azure Linux, `toolkit/docs/how_it_works/5_misc.md`; older images have a literal `(none)` for the epoch).
//! `container-manifest-1` beside it has the same packages without epoch and source, and is not read.

use super::record::Record;
use crate::content::ReadError;
use gabion_model::path;

/// Bytes of a line.
const MAX_LINE: usize = 4096;

/// The record of each line that is not empty.
pub(super) fn records(text: &[u8]) -> impl Iterator<Item = Result<Record, ReadError>> + '_ {
    text.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(record)
}

fn record(line: &[u8]) -> Result<Record, ReadError> {
    let malformed =
        || ReadError::malformed("a line of the package manifest has not the ten fields it should have");
    let fields: Vec<&[u8]> = line.split(|&b| b == b'\t').take(11).collect();
    let &[name, version, _, _, vendor, epoch, _, arch, epoch_number, source] = fields.as_slice() else {
        return Err(malformed());
    };
    if name.is_empty() || !version.contains(&b'-') || line.len() > MAX_LINE {
        return Err(malformed());
    }
    let text = |field: &[u8]| {
        Some(path::display(field).into_owned()).filter(|text| !text.is_empty() && text != "(none)")
    };
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
    Ok(Record {
        name: path::display(name).into_owned(),
        // Epoch number 0 is what rpm prints for a package without epoch as well.
        epoch: number(epoch).or_else(|| number(epoch_number).filter(|&n| n != 0)),
        version: path::display(version).into_owned(),
        arch: text(arch),
        source_rpm: text(source),
        vendor: text(vendor),
        ..Record::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_ten_fields() {
        let text = "tzdata\t2024a-1.azl3\t1\t2\tMicrosoft Corporation\t(none)\t9\tnoarch\t0\ttzdata-2024a-1.azl3.src.rpm\n\
                    old\t1-2\t1\t2\t(none)\t(none)\t9\tx86_64\t3\t(none)\n\
                    new\t1-2\t1\t2\tV\t0\t9\tx86_64\t0\tn-1-2.src.rpm\n\
                    \n\
                    short\t1-2\n\
                    unversioned\t1\t1\t2\tV\t0\t9\tx86_64\t0\tn-1-2.src.rpm";
        let records: Vec<_> = records(text.as_bytes()).collect();
        assert_eq!(records.len(), 5);
        let versions: Vec<_> =
            records.into_iter().filter_map(Result::ok).map(|r| r.into_package().version).collect();
        assert_eq!(versions, ["2024a-1.azl3", "3:1-2", "0:1-2"]);
    }
}
