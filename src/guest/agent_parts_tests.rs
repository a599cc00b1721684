use super::backoff::Backoff;
use super::devices::{self, Wave};

#[test]
fn a_host_that_is_not_there_is_called_ever_less_often_up_to_a_limit() {
    let mut backoff = Backoff::default();
    let waits: Vec<u16> = (0..9).map(|_| backoff.after_ms(0)).collect();
    assert_eq!(
        waits,
        [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000],
        "in ms"
    );
}

#[test]
fn a_host_that_stayed_for_a_while_is_called_back_at_once_and_one_that_hangs_up_is_not() {
    let mut backoff = Backoff::default();
    for _ in 0..9 {
        backoff.after_ms(0);
    }
    assert_eq!(backoff.after_ms(4_999), 5_000);
    assert_eq!(backoff.after_ms(5_000), 100);
    assert_eq!(backoff.after_ms(4_999), 200);
    assert_eq!(backoff.after_ms(u64::MAX), 100);
}

#[test]
fn what_ready_needs_is_loaded_first_and_every_type_once() {
    let firecracker = vec![19, 2, 4, 1, 5, 2];
    assert_eq!(devices::due(firecracker.clone(), Wave::First), [19, 1, 2]);
    assert_eq!(devices::due(firecracker, Wave::Rest), [4, 5]);
    let qemu = vec![5, 1, 3, 4];
    assert_eq!(devices::due(qemu.clone(), Wave::First), [3, 1]);
    assert_eq!(devices::due(qemu, Wave::Rest), [4, 5]);
    assert!(devices::due(Vec::new(), Wave::First).is_empty());
}

#[test]
fn a_bus_counts_only_when_a_virtio_device_is_on_it() {
    for name in ["LNRO0005:00", "a003e00.virtio_mmio", "virtio-mmio.2"] {
        assert!(devices::on_mmio(name), "{name}");
    }
    for name in ["PNP0103:00", "serial8250", "QEMU0002:00", "i8042"] {
        assert!(!devices::on_mmio(name), "{name}");
    }
    assert!(devices::on_pci("0x1af4"));
    assert!(!devices::on_pci("0x8086") && !devices::on_pci(""));
    assert!(devices::is_pvpanic("0x1b36", "0x0011"));
    assert!(!devices::is_pvpanic("0x1b36", "0x0008"));
}

#[test]
fn parameters_reach_their_module_but_devices_that_the_firmware_lists_are_not_told_twice() {
    let all = [
        ("virtio_mmio", "device=4K@0xd0000000:5"),
        ("virtio_mmio", "device=4K@0xd0001000:6"),
        ("virtio_mmio", "other=1"),
        ("virtio_net", "csum=0"),
    ];
    let all = all.map(|(module, parameter)| (module.to_owned(), parameter.to_owned()));
    let of = |module, listed| devices::parameters(&all, module, listed);
    assert_eq!(
        of("virtio_mmio", false),
        "device=4K@0xd0000000:5 device=4K@0xd0001000:6 other=1"
    );
    assert_eq!(of("virtio_mmio", true), "other=1");
    assert_eq!(of("virtio_net", true), "csum=0");
    assert_eq!(of("virtio_blk", true), "");
}
