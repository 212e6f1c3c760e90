use super::buffer::{Buffer, CAPACITY};
use super::conceal::Conceal;

#[test]
fn samples_keep_their_place_whatever_the_order() {
    let mut buffer = Buffer::new();
    buffer.restart(1_000);
    buffer.write(1_080, (80..160).map(|n| n as i16));
    assert!(!buffer.is_whole(160));
    buffer.write(980, (-20..80).map(|n| n as i16));
    assert!(buffer.is_whole(160));
    let mut frame = [7; 160];
    buffer.take(&mut frame);
    assert!(frame.iter().enumerate().all(|(n, &sample)| sample == n as i16));
    buffer.write(1_200, core::iter::once(3));
    assert_eq!((buffer.level(), buffer.peak(160)), (41, 3));
    buffer.take(&mut frame);
    assert_eq!((frame[39], frame[40], frame[41]), (39, 3, 41), "what is missing stays");
    assert_eq!(buffer.level(), 0);
}

#[test]
fn nothing_is_written_outside_the_room() {
    let mut buffer = Buffer::new();
    buffer.restart(5_000);
    buffer.write(0, core::iter::repeat_n(1, 160));
    buffer.write(5_000 + CAPACITY - 10, core::iter::repeat_n(2, 160));
    assert_eq!(buffer.level(), CAPACITY);
    assert!(!buffer.is_whole(1));
    buffer.advance(5_000 + CAPACITY - 10);
    assert!(buffer.is_whole(10) && !buffer.is_whole(11));
    buffer.fill_silence(0, u64::MAX / 2);
    assert!(buffer.is_whole(CAPACITY));
    assert_eq!(buffer.peak(CAPACITY), 2, "silence hides nothing");
}

#[test]
fn what_is_made_up_fades_without_a_click() {
    let mut conceal = Conceal::new();
    assert_eq!(conceal.next(), [0; 160]);
    let last: [i16; 160] = core::array::from_fn(|n| (n as i16 - 80) * 100);
    conceal.keep(&last);
    let mut before = last[159];
    let mut energy = i64::MAX;
    for _ in 0..5 {
        let frame = conceal.next();
        for sample in frame {
            assert!((i32::from(sample) - i32::from(before)).abs() < 300, "{before} {sample}");
            before = sample;
        }
        let now: i64 = frame.iter().map(|&sample| i64::from(sample) * i64::from(sample)).sum();
        assert!(now < energy);
        energy = now;
    }
    assert!(conceal.is_silent());
    assert_eq!(conceal.next(), [0; 160]);
}
