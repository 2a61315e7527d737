//! The solver against brute force on up to twelve nodes, and against a bound beyond.

use super::*;
use proptest::{collection::vec, prelude::*, sample::Index};

/// A forest with a few instances. As real ones it is bushy, and mostly not ours at the roots and ours below; but
/// anything may be.
fn problems(nodes: std::ops::RangeInclusive<usize>, instances: usize) -> impl Strategy<Value = Problem> {
    let node = (any::<Index>(), any::<Index>(), proptest::bool::weighted(0.9), proptest::bool::weighted(0.8));
    let instance = (any::<Index>(), any::<Index>(), 1..50u64, proptest::bool::weighted(0.85));
    (vec(node, nodes), vec(instance, 0..=instances)).prop_map(|(nodes, instances)| {
        let mut problem = Problem::default();
        for (at, (a, b, inner, likely)) in nodes.into_iter().enumerate() {
            let parent = (inner && at > 0).then(|| a.index(at).min(b.index(at)));
            problem.parent.push(parent);
            problem.ours.push(likely == parent.is_some());
        }
        for (image, up, weight, patchable) in instances {
            let image = image.index(problem.parent.len());
            let way: Vec<usize> = std::iter::successors(Some(image), |&node| problem.parent[node]).collect();
            problem.instances.push(Instance { origin: *up.get(&way), image, weight, patchable });
        }
        problem
    })
}

/// Every change there is, and for each instance the set of changes that clear it, from the definition.
fn masks(problem: &Problem) -> (usize, Vec<(u64, u64)>) {
    let ours: Vec<usize> = (0..problem.parent.len()).filter(|&node| problem.ours[node]).collect();
    let fix = |node: usize| ours.iter().position(|&n| n == node).map_or(0, |at| 1u64 << at);
    let patch = |node: usize| fix(node) << ours.len();
    let masks = problem.instances.iter().map(|instance| {
        let mut mask = fix(instance.origin);
        if mask == 0 && instance.patchable {
            let mut node = instance.image;
            while node != instance.origin {
                mask |= patch(node);
                node = problem.parent[node].expect("the origin is above the image");
            }
        }
        (mask, instance.weight)
    });
    (2 * ours.len(), masks.collect())
}

/// The best weight for each number of changes, by trying all sets of them.
fn brute_force(problem: &Problem) -> Vec<u64> {
    let (changes, masks) = masks(problem);
    // Changes that clear nothing need not be tried.
    let useful: Vec<u64> =
        (0..changes).map(|at| 1 << at).filter(|bit| masks.iter().any(|(mask, _)| mask & bit != 0)).collect();
    let mut best = vec![0; useful.len() + 1];
    for set in 0u64..1 << useful.len() {
        let chosen =
            useful.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).fold(0, |all, (_, bit)| all | bit);
        let weight = masks.iter().filter(|(mask, _)| mask & chosen != 0).map(|(_, weight)| weight).sum();
        let count = set.count_ones() as usize;
        best[count] = best[count].max(weight);
    }
    trim(best)
}

fn cleared(problem: &Problem, optimum: &Optimum) -> u64 {
    let cleared = problem.instances.iter().filter(|i| problem.cleared_by(i, optimum).is_some());
    cleared.map(|instance| instance.weight).sum()
}

/// No set of `budget` changes clears more than the best of them would clear one by one.
fn bound(problem: &Problem, budget: usize) -> u64 {
    let (changes, masks) = masks(problem);
    let mut alone: Vec<u64> = (0..changes)
        .map(|at| masks.iter().filter(|(mask, _)| mask >> at & 1 == 1).map(|(_, weight)| weight).sum())
        .collect();
    alone.sort_unstable_by(|a, b| b.cmp(a));
    let all = masks.iter().filter(|(mask, _)| *mask != 0).map(|(_, weight)| weight).sum();
    alone.iter().take(budget).sum::<u64>().min(all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_plan_is_the_brute_force_optimum_up_to_twelve_nodes(problem in problems(1..=12, 24)) {
        let best = brute_force(&problem);
        let free = problem.solve(None);
        prop_assert_eq!(&free.curve, &best);
        let clearable: u64 =
            problem.instances.iter().filter(|i| problem.clearable(i)).map(|i| i.weight).sum();
        prop_assert_eq!(cleared(&problem, &free), clearable);
        for budget in 0..=best.len() {
            let optimum = problem.solve(Some(budget));
            let expected = best[budget.min(best.len() - 1)];
            prop_assert_eq!(cleared(&problem, &optimum), expected, "budget {}", budget);
            prop_assert_eq!(optimum.curve.last(), Some(&expected));
            prop_assert!(optimum.fix.len() + optimum.patch.len() <= budget);
            prop_assert_eq!(optimum.fix.len() + optimum.patch.len() + 1, optimum.curve.len());
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the ratio is what is asked for")]
#[expect(clippy::cast_precision_loss, reason = "a ratio is no exact number")]
fn beyond_twelve_nodes_the_ratio_to_a_bound_is_printed() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let problem = problems(13..=32, 300).new_tree(&mut runner).expect("generates").current();
        let most = problem.solve(None).curve.len() - 1;
        for budget in [most / 4, most / 2, most] {
            let optimum = problem.solve(Some(budget));
            let (got, bound) = (cleared(&problem, &optimum), bound(&problem, budget));
            println!(
                "{} nodes, {budget} of {most} changes: {got} of at most {bound}, ratio {:.3}",
                problem.parent.len(),
                got as f64 / bound.max(1) as f64
            );
            assert_eq!(optimum.curve.last(), Some(&got));
            assert!(got <= bound, "{problem:?}");
        }
    }
}

fn instance(origin: usize, image: usize, weight: u64) -> Instance {
    Instance { origin, image, weight, patchable: true }
}

#[test]
fn what_is_not_ours_is_patched_at_the_highest_node_that_is() {
    // debian (not ours) - base - shop, pay
    let problem = Problem {
        parent: vec![None, Some(0), Some(1), Some(1)],
        ours: vec![false, true, true, true],
        instances: vec![instance(0, 2, 5), instance(0, 3, 5), instance(1, 3, 2), instance(0, 0, 9)],
    };
    let optimum = problem.solve(None);
    assert_eq!(optimum, Optimum { fix: vec![1], patch: vec![1], curve: vec![0, 10, 12] });
    assert_eq!(problem.cleared_by(&problem.instances[0], &optimum), Some((1, true)));
    assert!(!problem.clearable(&problem.instances[3]), "debian itself is not ours to change");
}

#[test]
fn a_patch_below_reaches_what_was_added_since_the_patch_above() {
    // vendor - ours - vendor again - ours
    let problem = Problem {
        parent: vec![None, Some(0), Some(1), Some(2)],
        ours: vec![false, true, false, true],
        instances: vec![instance(0, 1, 3), instance(0, 3, 4), instance(2, 3, 5)],
    };
    assert_eq!(problem.solve(Some(1)).patch, [3]);
    assert_eq!(problem.solve(None), Optimum { fix: vec![], patch: vec![1, 3], curve: vec![0, 9, 12] });
}

#[test]
fn nothing_is_no_problem() {
    assert_eq!(Problem::default().solve(None), Optimum { curve: vec![0], ..Optimum::default() });
    assert_eq!(Problem::default().solve(Some(0)).curve, [0]);
}

#[test]
fn one_patch_of_a_base_is_better_than_one_of_each_leaf() {
    // debian (not ours) - base - four leaves: what is open in the base itself makes the one patch clear more.
    let problem = Problem {
        parent: vec![None, Some(0), Some(1), Some(1), Some(1), Some(1)],
        ours: vec![false, true, true, true, true, true],
        instances: (1..6).map(|image| instance(0, image, 2)).collect(),
    };
    assert_eq!(problem.solve(None), Optimum { fix: vec![], patch: vec![1], curve: vec![0, 10] });
}
