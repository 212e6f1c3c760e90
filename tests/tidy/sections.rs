//! Which RFCs are cited, which sections they have, and why some have code without a test or a test without code.

use super::Section;

/// Number, short title and contents of each RFC: how many sections there are at the top, and in each that has any.
pub const RFCS: &[(u16, &str, &str)] = &[
    (2046, "Media types (MIME)", ":9 4:5 4.1:4 4.5:3 5:2 5.1:7 5.2:4"),
    (
        3261,
        "SIP",
        ":29 7:5 7.3:3 7.4:2 8:3 8.1:3 8.1.1:10 8.1.3:5 8.2:7 8.2.2:3 8.2.6:2 9:2 10:3 10.2:8 10.2.1:2 11:2 12:3 12.1:2 12.2:2 12.2.1:2 13:3 13.2:2 13.2.2:4 13.3:1 13.3.1:4 14:2 15:1 15.1:2 16:12 16.12:1 16.12.1:3 17:2 17.1:4 17.1.1:3 17.1.2:2 17.2:4 18:4 18.1:2 18.2:2 19:3 19.1:6 20:44 21:6 21.1:5 21.2:1 21.3:5 21.4:28 21.5:7 21.6:4 22:4 23:4 23.4:3 24:2 25:1 26:5 26.1:5 26.2:4 26.3:2 26.3.2:4 26.4:4 28:2",
    ),
    (3262, "Reliable provisional responses", ":14 7:2 8:2"),
    (3263, "Locating SIP servers", ":11 4:4"),
    (3264, "Offer and answer", ":15 5:2 6:2 8:4 8.3:4 10:2"),
    (3311, "UPDATE", ":14 5:3"),
    (3323, "Privacy", ""),
    (3325, "Asserted identity", ":17 9:3"),
    (3428, "MESSAGE", ":16"),
    (3515, "REFER", ":11 2:6 2.4:7 3:13 4:2"),
    (3550, "RTP", ":19 1:1 2:4 5:3 5.3:1 6:7 6.2:1 6.3:9 6.4:4 6.5:8 7:3 8:3 9:2 12:2"),
    (3551, "RTP audio and video profile", ":15 4:5 4.5:18 5:8"),
    (3581, "rport", ":13"),
    (3605, "rtcp attribute in SDP", ""),
    (3891, "Replaces", ":13 6:2 7:2"),
    (3911, "Join", ""),
    (3966, "tel URI", ":15 5:4 5.1:5"),
    (4028, "Session timers", ":17 7:4 8:3"),
    (4291, "IPv6 addresses", ""),
    (4320, "Non-INVITE transactions", ""),
    (4475, "Torture tests", ""),
    (4488, "REFER without subscription", ""),
    (4733, "Telephone events", ":10 1:5 2:6 2.3:5 2.4:2 2.5:2 2.5.1:7 3:5"),
    (4787, "NAT behaviour for UDP", ""),
    (5057, "Dialog usages", ""),
    (5407, "Race conditions", ""),
    (5589, "Call transfer", ""),
    (5621, "Message bodies", ""),
    (5626, "Outbound", ""),
    (5630, "SIPS URI", ""),
    (5761, "RTP and RTCP on one port", ":10 5:2 5.1:4"),
    (6026, "2xx to INVITE", ":12 7:3 8:11"),
    (6086, "INFO", ""),
    (6141, "Re-INVITE and target refresh", ""),
    (6337, "Usage of offer and answer", ""),
    (
        6665,
        "Event notification",
        ":11 3:2 4:5 4.1:4 4.1.2:4 4.2:3 4.2.1:4 4.4:4 4.5:2 5:5 6:5 7:4 7.1:2 8:4 8.1:2 8.2:3 8.3:2",
    ),
    (7235, "HTTP authentication", ""),
    (7616, "Digest authentication", ":9 3:9 3.4:6 3.9:2"),
    (8760, "Digest algorithms in SIP", ":6 2:7"),
    (8866, "SDP", ":13 5:14 6:16 6.7:4"),
];

/// Sections without code or without a test, and why.
pub const GAPS: &[(u16, &str, &str)] = &[
    (3261, "6", "definitions of words"),
    (3261, "8.1", "a chapter: its sections have code"),
    (3261, "8.1.3", "a chapter: its sections have tests"),
    (3261, "9", "a chapter: its sections have tests"),
    (3261, "12.2.1", "a chapter: its sections have tests"),
    (3261, "13.2", "a chapter: its sections have code"),
    (3261, "13.3", "a chapter: its sections have code"),
    (3261, "15.1", "a chapter: its sections have code"),
    (4787, "4.1", "a NAT of the simulation, and nothing of a telephone"),
    (4787, "4.3", "a NAT of the simulation, and nothing of a telephone"),
    (4787, "5", "a NAT of the simulation, and nothing of a telephone"),
    (4787, "6", "a NAT of the simulation, and nothing of a telephone"),
];

/// Whether an RFC has a section; `None` if nothing is known of the RFC.
pub fn exists(rfc: u16, section: &Section) -> Option<bool> {
    let (_, _, contents) = RFCS.iter().find(|(number, _, _)| *number == rfc)?;
    if contents.is_empty() {
        return Some(true);
    }
    let count = |of: Option<Section>| {
        let of = of.map_or(String::new(), |section| section.to_string());
        contents.split(' ').find_map(|entry| {
            let (name, count) = entry.split_once(':')?;
            if name == of { count.parse::<u16>().ok() } else { None }
        })
    };
    Some(
        section.is_appendix()
            || section
                .levels()
                .all(|(of, number)| count(of).is_some_and(|count| (1..=count).contains(&number))),
    )
}
