//! How long a plan over 1,000 images with 100,000 findings takes, and how near its changes come to what is possible.
//!
//! ```text
//! cargo bench -p gabion-plan --bench plan [-- svg FILE]
//! ```
//!
//! The reports are in memory. The best of five runs counts.

#![allow(clippy::print_stdout, reason = "it prints its result")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/sample.rs"]
mod sample;

use gabion_plan::{
    Assumption, Options,
    optimum::{Instance, Problem},
    plan, simulate, svg, table, tickets,
};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    if let [name, file] = &*arguments
        && name == "svg"
    {
        let fleet = sample::fleet(50, 60, 0);
        let plan = plan(&scans(&fleet), &sample::rules(), &Options::default());
        std::fs::write(file, svg(&plan)).expect("written");
        print!("{}", table(&plan, 110, false));
        for ticket in tickets(&plan).iter().take(2) {
            println!("{}", ticket.markdown);
        }
        return;
    }
    fleets();
    forests();
}

fn scans(reports: &[gabion_model::ScanReport]) -> Vec<&gabion_model::ScanReport> {
    reports.iter().collect()
}

fn fleets() {
    for (images, findings, packages) in [(100, 100, 300), (1_000, 100, 300), (1_000, 1_000, 300)] {
        let fleet = sample::fleet(images - 6, findings, packages);
        let (scans, rules) = (scans(&fleet), sample::rules());
        let all: usize = fleet.iter().map(|report| report.findings.len()).sum();
        println!(
            "{images} images, {all} findings, {} packages",
            fleet.iter().map(|r| r.packages.len()).sum::<usize>()
        );
        let made = plan(&scans, &rules, &Options::default());
        let took = best(|| plan(&scans, &rules, &Options::default()));
        println!(
            "  plan         {took:>10.1?}   {} changes clear {}",
            made.changes.len(),
            made.totals.cleared
        );
        let five = Options { max_changes: Some(5), ..Options::default() };
        let took = best(|| plan(&scans, &rules, &five));
        println!("  5 changes    {took:>10.1?}   clear {}", plan(&scans, &rules, &five).totals.cleared);
        let what = Assumption { package: &fleet[0].packages[0].name, version: "1.3", reevaluate: None };
        let took = best(|| simulate(&scans, &rules, &Options::default(), &what));
        println!("  simulate     {took:>10.1?}");
        println!("  svg          {:>10.1?}", best(|| svg(&made)));
        println!("  table        {:>10.1?}", best(|| table(&made, 100, true)));
        println!("  tickets      {:>10.1?}   {}", best(|| tickets(&made)), tickets(&made).len());
        let json = serde_json::to_vec(&made).expect("writes").len();
        println!("  json         {:>10.1?}   {} kB", best(|| serde_json::to_vec(&made)), json / 1000);
    }
}

/// Random forests with half of the nodes not ours; the bound is what the best changes would clear one by one.
#[expect(clippy::cast_precision_loss, reason = "a ratio is no exact number")]
fn forests() {
    println!("random forests: weight cleared, bound, ratio");
    for (nodes, instances) in [(50, 1_000), (200, 10_000), (1_000, 100_000)] {
        let mut random = Random(nodes as u64);
        let mut problem = Problem::default();
        for node in 0..nodes {
            problem.parent.push((node > 0 && random.below(20) > 0).then(|| random.below(node)));
            problem.ours.push(random.below(2) == 0);
        }
        for _ in 0..instances {
            let image = random.below(nodes);
            let way: Vec<usize> = std::iter::successors(Some(image), |&node| problem.parent[node]).collect();
            let (origin, weight) = (way[random.below(way.len())], 1 + random.below(100) as u64);
            problem.instances.push(Instance { origin, image, weight, patchable: random.below(8) > 0 });
        }
        let most = problem.solve(None).curve.len() - 1;
        for budget in [most / 20, most / 4, most] {
            let got = problem.solve(Some(budget)).curve.last().copied().unwrap_or_default();
            let bound = bound(&problem, budget);
            println!(
                "  {nodes:>5} nodes, {budget:>4} of {most:>4} changes {:>10.1?}   {got:>8} {bound:>8} {:.3}",
                best(|| problem.solve(Some(budget))),
                got as f64 / bound.max(1) as f64
            );
        }
    }
}

fn bound(problem: &Problem, budget: usize) -> u64 {
    let mut alone = vec![0; 2 * problem.parent.len()];
    for instance in &problem.instances {
        if problem.ours[instance.origin] {
            alone[instance.origin] += instance.weight;
        } else if instance.patchable {
            let way = std::iter::successors(Some(instance.image), |&node| problem.parent[node]);
            for node in way.take_while(|&node| node != instance.origin).filter(|&node| problem.ours[node]) {
                alone[problem.parent.len() + node] += instance.weight;
            }
        }
    }
    alone.sort_unstable_by(|a, b| b.cmp(a));
    let all = problem.instances.iter().filter(|i| problem.clearable(i)).map(|i| i.weight).sum();
    alone.iter().take(budget).sum::<u64>().min(all)
}

/// The same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn best<T>(mut work: impl FnMut() -> T) -> Duration {
    let once = || {
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        drop(result);
        took
    };
    std::iter::repeat_with(once).take(5).min().unwrap_or_default()
}
