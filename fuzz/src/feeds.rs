//! The feeds of the vulnerability database.

use gabion_advisory::{
    feed::{FeedLimits, Kind, Rejected, Sink, import_bytes},
    record::{Advisory, Assessment, Edition, Exploited, Lifecycle, Likelihood, Until},
};

/// Small enough that a bomb is found by what it costs.
const LIMITS: FeedLimits = FeedLimits { record: 1 << 20, total: 4 << 20, entries: 1000, depth: 8 };

/// Checks what every record promises.
struct Check;

impl Check {
    fn line(text: &str, limit: usize) {
        assert!(text.chars().count() <= limit, "too long");
        assert!(!text.contains(char::is_control), "more than a line");
    }
}

impl Sink for Check {
    fn advisory(&mut self, advisory: Advisory) {
        assert!(!advisory.id.is_empty());
        Self::line(&advisory.id, 512);
        Self::line(&advisory.summary, 300);
        for row in &advisory.affected {
            assert!(!row.package.is_empty());
            Self::line(&row.package, 512);
            for range in &row.ranges {
                let (Some(order), Some(from)) = (row.ecosystem.order(), &range.introduced) else {
                    continue;
                };
                if let Until::Fixed(end) | Until::LastAffected(end) = &range.until {
                    let compared = order.compare(from, end);
                    assert!(
                        !compared.is_ok_and(std::cmp::Ordering::is_gt),
                        "a range that ends before it begins"
                    );
                }
            }
        }
        let kept = serde_json::to_vec(&advisory).expect("can be kept");
        let back: Advisory = serde_json::from_slice(&kept).expect("and read again");
        assert_eq!(advisory, back);
    }

    fn exploited(&mut self, exploited: Exploited) {
        Self::line(&exploited.cve, 30);
    }

    fn likelihood(&mut self, likelihood: Likelihood) {
        assert!(likelihood.probability <= 1_000_000 && likelihood.percentile <= 1_000_000);
    }

    fn assessment(&mut self, assessment: Assessment) {
        Self::line(&assessment.cve, 30);
        Self::line(&assessment.summary, 300);
    }

    fn lifecycle(&mut self, lifecycle: Lifecycle) {
        Self::line(&lifecycle.product, 500);
        Self::line(&lifecycle.cycle, 500);
    }

    fn edition(&mut self, edition: Edition) {
        Self::line(&edition.version, 500);
    }

    fn rejected(&mut self, rejected: Rejected) {
        Self::line(&rejected.place, 500);
        Self::line(&rejected.why, 500);
    }
}

fn feed(kind: Kind, data: &[u8]) {
    // Errors are answers, too.
    let _ = import_bytes(kind, "feed", data, &LIMITS, &mut Check);
}

macro_rules! feeds {
    ($($name:ident: $kind:ident;)+) => {
        $(
            #[doc = concat!("A feed of kind `", stringify!($kind), "`, in any container.")]
            pub fn $name(data: &[u8]) {
                feed(Kind::$kind, data);
            }
        )+
    };
}

feeds! {
    feed_csaf: Csaf;
    feed_debian: DebianTracker;
    feed_endoflife: EndOfLife;
    feed_epss: Epss;
    feed_kev: Kev;
    feed_kubernetes: Kubernetes;
    feed_osv: Osv;
    feed_oval: Oval;
    feed_secdb: Secdb;
    feed_updateinfo: Updateinfo;
    feed_vulnrichment: Vulnrichment;
}
