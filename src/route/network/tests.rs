use super::*;

fn net(text: &str) -> Network {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn networks_contain_their_addresses() {
    let table = [
        ("192.0.2.0/24", "192.0.2.255", true),
        ("192.0.2.0/24", "192.0.3.0", false),
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "192.0.2.1", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("[::1]", "::1", true),
        ("[2001:db8::]/32", "2001:db8::5", true),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("::ffff:0:0/96", "192.0.2.1", true),
        ("127.0.0.0/8", "::1", false),
    ];
    for (network, address, inside) in table {
        assert_eq!(
            net(network).contains(ip(address)),
            inside,
            "{network} {address}"
        );
    }
}

#[test]
fn other_text_is_no_network() {
    for text in [
        "",
        "x",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "::/129",
        "10.1.2.3/8",
        "2001:db8::1/64",
        "10.0.0.0/8/8",
        "10/8",
        "010.0.0.0/8",
        "10.0.0.0/256",
        "[10.0.0.0/8]",
        " 10.0.0.0/8",
        "::ffff:10.1.2.3/104",
    ] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}

/// D2, address by address; also after a name was resolved to them.
#[test]
fn only_global_addresses_are_public() {
    for text in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001:db8::1",
        "2001:10::1",
        "2001:20::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:1:2:3:4:80ff:fffe",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(ip(text)), "{text}");
    }
    for text in [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450::1",
    ] {
        assert!(is_public(ip(text)), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn networks_read_back(bits: u128, prefix in 0u8..=128) {
        let address = Ipv6Addr::from_bits(bits & mask6(prefix));
        let network: Result<Network, _> = format!("{address}/{prefix}").parse();
        if let Ok(network) = network {
            assert_eq!(network.to_string().parse(), Ok(network));
            assert!(network.contains(IpAddr::V6(address)));
        }
    }
}
