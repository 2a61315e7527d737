//! What versions are made of: numbers, texts, and ways to walk them.

use std::cmp::Ordering;

/// Equality and the partial order of a type whose `Ord` is written by hand.
macro_rules! equal_by_order {
    ($type:ty) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }
        impl Eq for $type {}
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
pub(super) use equal_by_order;

/// A decimal number of any length. Ordered by value, as more digits are a larger number once the zeros in front
/// are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number<'a> {
    length: usize,
    digits: &'a str,
}

impl<'a> Number<'a> {
    pub(super) const ZERO: Self = Self { length: 0, digits: "" };

    /// From a text that is digits only.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self::of(text))
    }

    /// From digits; none at all are zero.
    pub(super) fn of(digits: &'a str) -> Self {
        let digits = digits.trim_start_matches('0');
        Self { length: digits.len(), digits }
    }

    /// Cuts the digits off the front of `rest`.
    pub(super) fn take(rest: &mut &'a str) -> Option<Self> {
        let digits = take_while(rest, |b| b.is_ascii_digit());
        (!digits.is_empty()).then(|| Self::of(digits))
    }

    /// `N` numbers with dots between; those that are missing at the end are zero. `minimum` must be there.
    pub(super) fn dotted<const N: usize>(text: &'a str, minimum: usize) -> Option<[Self; N]> {
        let mut numbers = [Self::ZERO; N];
        let mut count = 0;
        for part in text.split('.') {
            *numbers.get_mut(count)? = Self::parse(part)?;
            count += 1;
        }
        (count >= minimum).then_some(numbers)
    }
}

/// A part that is a number or a text; numbers come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NumberFirst<'a, T> {
    Number(Number<'a>),
    Text(T),
}

/// A part that is a text or a number; texts come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TextFirst<'a, T> {
    Text(T),
    Number(Number<'a>),
}

/// A text whose case does not matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folded<'a>(pub(super) &'a str);

impl Ord for Folded<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        fn lower(text: &str) -> impl Iterator<Item = u8> {
            text.bytes().map(|b| b.to_ascii_lowercase())
        }
        lower(self.0).cmp(lower(other.0))
    }
}
equal_by_order!(Folded<'_>);

/// Compares item by item; the shorter one goes on with `padding`.
pub(super) fn compare_padded<T: Ord>(
    mut a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    padding: &T,
) -> Ordering {
    loop {
        let (a, b) = (a.next(), b.next());
        if a.is_none() && b.is_none() {
            return Ordering::Equal;
        }
        let order = a.as_ref().unwrap_or(padding).cmp(b.as_ref().unwrap_or(padding));
        if order.is_ne() {
            return order;
        }
    }
}

/// Cuts the longest run of such bytes off the front of `rest`. The bytes are ASCII, so this never splits a character.
pub(super) fn take_while<'a>(rest: &mut &'a str, wanted: impl Fn(u8) -> bool) -> &'a str {
    let end = rest.bytes().position(|b| !b.is_ascii() || !wanted(b)).unwrap_or(rest.len());
    let (run, after) = rest.split_at(end);
    *rest = after;
    run
}

/// Cuts `prefix` off the front of `rest`, whatever its case.
pub(super) fn take_word(rest: &mut &str, prefix: &str) -> bool {
    let found = rest.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    if found {
        *rest = &rest[prefix.len()..];
    }
    found
}
