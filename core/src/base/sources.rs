//! Who sends: addresses that are trusted, by themselves or as part of a network.

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use super::index::{Digest, DigestKey, Index};

/// An address, or all addresses that begin with the same bits: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressPrefix {
    /// The first address of it, all further bits being zero; an IPv4 address stands as the IPv6 address that is mapped to it.
    first: u128,
    /// How many of the 128 bits count.
    bits: u8,
}

/// Bits of an IPv6 address before the IPv4 address that is mapped to it (RFC 4291 section 2.5.5.2).
const MAPPED: u8 = 96;

const fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl AddressPrefix {
    /// All addresses that have the first `bits` bits of `address`; `None` if an address of that family has fewer. Further
    /// bits of `address` do not count.
    pub const fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let bits = match address {
            IpAddr::V4(_) if bits <= 32 => MAPPED + bits,
            IpAddr::V6(_) if bits <= 128 => bits,
            _ => return None,
        };
        Some(Self { first: mapped(address) & mask(bits), bits })
    }

    /// Whether `address` is one of them. An IPv4 address is the same in its IPv6 form.
    pub const fn contains(&self, address: IpAddr) -> bool {
        mapped(address) & mask(self.bits) == self.first
    }
}

/// The first `bits` of 128.
const fn mask(bits: u8) -> u128 {
    match u128::MAX.checked_shl(128 - bits as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

impl From<IpAddr> for AddressPrefix {
    fn from(address: IpAddr) -> Self {
        Self { first: mapped(address), bits: 128 }
    }
}

/// A text is neither an address nor an address, a slash and the number of bits that count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it looks like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
pub struct AddressPrefixError;

impl FromStr for AddressPrefix {
    type Err = AddressPrefixError;

    fn from_str(text: &str) -> Result<Self, AddressPrefixError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| AddressPrefixError)?;
        let Some(bits) = bits else { return Ok(address.into()) };
        let bits = bits.trim().parse().map_err(|_| AddressPrefixError)?;
        Self::new(address, bits).ok_or(AddressPrefixError)
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = Ipv6Addr::from_bits(self.first);
        match first.to_ipv4_mapped() {
            Some(first) if self.bits == 128 => write!(f, "{first}"),
            Some(first) if self.bits >= MAPPED => write!(f, "{first}/{}", self.bits - MAPPED),
            _ if self.bits == 128 => write!(f, "{first}"),
            _ => write!(f, "{first}/{}", self.bits),
        }
    }
}

/// The sources that need no share of their own: those of the settings, and those that have been vouched for since.
pub(crate) struct TrustedSources {
    prefixes: Vec<AddressPrefix>,
    /// How many vouch for an address.
    vouched: Index<u32>,
    vouched_max: usize,
    /// What was found of the address that was asked for last.
    last: Option<(IpAddr, bool)>,
}

impl TrustedSources {
    /// Those of the settings, and room for `vouched_max` more.
    pub(crate) fn new(prefixes: &[AddressPrefix], vouched_max: usize) -> Self {
        let mut prefixes = prefixes.to_vec();
        prefixes.sort_unstable();
        prefixes.dedup();
        Self { prefixes, vouched: Index::new(), vouched_max, last: None }
    }

    /// Whether `source`, of which `digest` is the digest, is trusted.
    pub(crate) fn contains(&mut self, source: IpAddr, digest: Digest) -> bool {
        match self.last {
            Some((last, found)) if last == source => found,
            _ => {
                let found = self.vouched.get(digest).is_some()
                    || self.prefixes.iter().any(|prefix| prefix.contains(source));
                self.last = Some((source, found));
                found
            }
        }
    }

    /// Takes one more word for the source of that digest; false if too many sources are trusted already.
    pub(crate) fn vouch(&mut self, digest: Digest) -> bool {
        let known = self.vouched.get(digest);
        if known.is_none() && self.vouched.len() >= self.vouched_max {
            return false;
        }
        self.last = None;
        self.vouched.insert(digest, known.unwrap_or(0).saturating_add(1));
        true
    }

    /// Takes one word back.
    pub(crate) fn disown(&mut self, digest: Digest) {
        self.last = None;
        match self.vouched.get(digest) {
            Some(count) if count > 1 => self.vouched.insert(digest, count - 1),
            _ => self.vouched.remove(digest),
        }
    }
}

impl DigestKey {
    /// The digest of an address, the same for either form of an IPv4 address.
    pub(crate) fn source(&self, address: IpAddr) -> Digest {
        match address.to_canonical() {
            IpAddr::V4(address) => self.digest(&[&address.octets()]),
            IpAddr::V6(address) => self.digest(&[&address.octets()]),
        }
    }

    /// The digest under which limits are kept of an address, of which `source` is the digest: whoever has one IPv6
    /// address has all 2^64 of its network.
    pub(crate) fn network(&self, address: IpAddr, source: Digest) -> Digest {
        match address.to_canonical() {
            IpAddr::V4(_) => source,
            IpAddr::V6(address) => self.digest(&[address.octets().get(..8).unwrap_or_default()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;
    use crate::base::rng::Rng;

    fn prefix(text: &str) -> AddressPrefix {
        text.parse().expect("a prefix")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// RFC 4291 section 2.5.5.2 for the mapped address.
    #[test]
    fn a_prefix_says_who_belongs_to_it() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.7/24", "192.0.2.1", "192.0.1.255"),
            ("192.0.2.0/24", "::ffff:192.0.2.9", "2001:db8::1"),
            ("0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db9::", "::1.2.3"),
            ("10.1.0.0/15", "10.1.255.255", "10.2.0.0"),
        ] {
            assert!(prefix(text).contains(address(inside)), "{inside} in {text}");
            if let Ok(outside) = outside.parse() {
                assert!(!prefix(text).contains(outside), "{outside} not in {text}");
            }
        }
    }

    #[test]
    fn a_prefix_reads_what_it_writes() {
        for text in ["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"] {
            assert_eq!(prefix(text).to_string(), text);
        }
        assert_eq!(prefix("192.0.2.77/24").to_string(), "192.0.2.0/24");
        assert_eq!(prefix("192.0.2.7/32"), prefix("192.0.2.7"));
        for text in
            ["", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "2001:db8::/129", "example.com", "192.0.2.0/-1"]
        {
            assert_eq!(text.parse::<AddressPrefix>(), Err(AddressPrefixError), "{text}");
        }
    }

    #[test]
    fn whoever_is_vouched_for_is_trusted_until_the_last_word_is_taken_back() {
        let key = DigestKey::new(&mut Rng::secret([1; 32]));
        let mut trusted = TrustedSources::new(&[prefix("198.51.100.0/24")], 1);
        let (friend, mapped) = (address("192.0.2.1"), address("::ffff:192.0.2.1"));
        let asks = |trusted: &mut TrustedSources, who| trusted.contains(who, key.source(who));
        assert!(asks(&mut trusted, address("198.51.100.9")));
        assert!(!asks(&mut trusted, friend));
        assert!(trusted.vouch(key.source(friend)) && trusted.vouch(key.source(mapped)));
        assert!(asks(&mut trusted, friend) && asks(&mut trusted, mapped));
        assert!(!trusted.vouch(key.source(address("192.0.2.2"))), "there is room for one");
        trusted.disown(key.source(friend));
        assert!(asks(&mut trusted, friend));
        trusted.disown(key.source(friend));
        assert!(!asks(&mut trusted, friend));
        trusted.disown(key.source(friend));
        assert!(!asks(&mut trusted, friend));
    }
}
