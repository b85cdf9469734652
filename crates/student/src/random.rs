//! Random order from a seed: SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
//! generators"). Part of what makes a fit's bytes, so it is never exchanged for another.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Fisher and Yates, from the end. The modulo's bias is below 2⁻⁴⁰ for any list that fits memory.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let bound = u64::try_from(last + 1).expect("a length fits 64 bits");
            let chosen = usize::try_from(self.next() % bound).expect("below a length");
            list.swap(last, chosen);
        }
    }
}
