//! What usage costs. Computed in 128-bit integers, rounded up once per line to whole nano-USD.

use terms::{model::Prices, money::NanoUsd, usage::Usage};

/// The list cost of an attempt.
///
/// Each bucket is tokens × price; buckets without a price of their own fall back as
/// [`terms::model::Prices`] documents. Above the long-context threshold the whole request takes the
/// long-context prices.
pub fn cost(usage: &Usage, prices: &Prices) -> NanoUsd {
    let rate = rates(usage, prices);
    let lines = [
        (usage.uncached_in, rate.input),
        (usage.cache_read, rate.cache_read),
        (usage.cache_write_5m, rate.cache_write_5m),
        (usage.cache_write_1h, rate.cache_write_1h),
        (usage.visible_out, rate.output),
        (usage.reasoning_out, rate.reasoning),
    ];
    lines.into_iter().map(|(tokens, pico)| line(tokens, pico)).sum()
}

/// An upper estimate before dispatch: every input token at the dearest input price, every output
/// token that may come at the output price.
pub fn ceiling(input_tokens: u64, output_tokens: u64, prices: &Prices) -> NanoUsd {
    let usage = Usage { uncached_in: input_tokens, ..Usage::default() };
    let rate = rates(&usage, prices);
    let dearest = rate.input.max(rate.cache_write_5m).max(rate.cache_write_1h);
    line(input_tokens, dearest) + line(output_tokens, rate.output.max(rate.reasoning))
}

/// Pico-USD per token and bucket that hold for one request.
struct Rates {
    input: u64,
    cache_read: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    output: u64,
    reasoning: u64,
}

fn rates(usage: &Usage, prices: &Prices) -> Rates {
    let input = prices.input.0;
    let write_5m = prices.cache_write_5m.map_or(input, |price| price.0);
    let base = Rates {
        input,
        cache_read: prices.cache_read.map_or(input, |price| price.0),
        cache_write_5m: write_5m,
        cache_write_1h: prices.cache_write_1h.map_or(write_5m, |price| price.0),
        output: prices.output.0,
        reasoning: prices.reasoning.map_or(prices.output.0, |price| price.0),
    };
    let Some(long) = prices.long_context.filter(|long| usage.input() > long.threshold) else {
        return base;
    };
    let scaled = |price: u64| match input {
        0 => price,
        _ => u64::try_from(u128::from(price) * u128::from(long.input.0) / u128::from(input))
            .unwrap_or(u64::MAX),
    };
    Rates {
        input: long.input.0,
        cache_read: long.cache_read.map_or_else(|| scaled(base.cache_read), |price| price.0),
        cache_write_5m: scaled(base.cache_write_5m),
        cache_write_1h: scaled(base.cache_write_1h),
        output: long.output.0,
        reasoning: long.output.0,
    }
}

/// Tokens × pico-USD, rounded up to nano-USD.
fn line(tokens: u64, pico: u64) -> NanoUsd {
    let nanos = (u128::from(tokens) * u128::from(pico)).div_ceil(1000);
    NanoUsd(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use terms::{
        model::{LongContext, Prices},
        money::{NanoUsd, PicoUsdPerToken},
        usage::Usage,
    };

    use super::{ceiling, cost};

    const OPUS: Prices = Prices {
        input: PicoUsdPerToken(5_000_000),
        output: PicoUsdPerToken(25_000_000),
        cache_read: Some(PicoUsdPerToken(500_000)),
        cache_write_5m: Some(PicoUsdPerToken(6_250_000)),
        cache_write_1h: Some(PicoUsdPerToken(10_000_000)),
        reasoning: None,
        long_context: None,
    };

    #[test]
    fn every_bucket_has_its_price() {
        let usage = Usage {
            uncached_in: 1000,
            cache_read: 10_000,
            cache_write_5m: 100,
            cache_write_1h: 10,
            visible_out: 200,
            reasoning_out: 50,
        };
        // 5,000,000 + 5,000,000 + 625,000 + 100,000 + 5,000,000 + 1,250,000 nano-USD
        assert_eq!(cost(&usage, &OPUS), NanoUsd(16_975_000));
    }

    #[test]
    fn a_fraction_of_a_nano_dollar_is_rounded_up_once_per_line() {
        let prices = Prices { input: PicoUsdPerToken(37_500), ..Prices::default() };
        let usage = Usage { uncached_in: 1, ..Usage::default() };
        assert_eq!(cost(&usage, &prices), NanoUsd(38));
    }

    #[test]
    fn a_long_context_makes_the_whole_request_dearer() {
        let long = LongContext {
            threshold: 272_000,
            input: PicoUsdPerToken(10_000_000),
            output: PicoUsdPerToken(45_000_000),
            cache_read: None,
        };
        let prices = Prices { long_context: Some(long), ..OPUS };
        let at = Usage { uncached_in: 272_000, ..Usage::default() };
        let over =
            Usage { uncached_in: 272_001, cache_read: 0, visible_out: 1, ..Usage::default() };
        assert_eq!(cost(&at, &prices), NanoUsd(272_000 * 5_000));
        assert_eq!(cost(&over, &prices), NanoUsd(272_001 * 10_000 + 45_000));
    }

    #[test]
    fn the_ceiling_is_never_below_the_cost() {
        let usage = Usage { cache_write_1h: 900, visible_out: 100, ..Usage::default() };
        assert!(ceiling(900, 100, &OPUS) >= cost(&usage, &OPUS));
    }
}
