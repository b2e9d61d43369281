use super::*;

fn file(path: &str, text: &str) -> Option<(PathBuf, ConfigFile)> {
    Some((path.into(), ConfigFile::parse(text, Path::new("/home/me/.config/tabmesh")).unwrap()))
}

fn gateway(url: &str) -> Values {
    Values { gateway: Some(url.into()), ..Values::default() }
}

#[test]
fn nearer_places_hold() {
    let mut sources = Sources::default();
    let settled = |sources: &Sources| {
        let found = sources.settle().unwrap().gateway;
        (found.value, found.origin.to_string())
    };
    assert_eq!(settled(&sources), (DEFAULT_GATEWAY.into(), "default".into()));
    sources.user = file("user.toml", "gateway = \"http://user/\"\ntenant = \"u\"");
    assert_eq!(settled(&sources), ("http://user".into(), "user.toml".into()));
    sources.project = file("tabmesh.toml", "gateway = \"http://project\"");
    assert_eq!(settled(&sources), ("http://project".into(), "tabmesh.toml".into()));
    sources.environment = gateway("http://env");
    assert_eq!(settled(&sources), ("http://env".into(), "environment".into()));
    sources.flags = gateway("http://flag");
    assert_eq!(settled(&sources), ("http://flag".into(), "flag".into()));
    // What a nearer place does not say is found further away.
    assert_eq!(sources.settle().unwrap().tenant.unwrap().value, "u");
}

#[test]
fn a_profile_stands_where_it_was_chosen() {
    let text = "gateway = \"http://user\"\n[profiles.prod]\ngateway = \"http://prod\"\ntoken = \"p\"";
    let mut sources = Sources { user: file("user.toml", text), ..Sources::default() };
    sources.project = file("tabmesh.toml", "gateway = \"http://project\"");
    assert_eq!(sources.settle().unwrap().gateway.value, "http://project");
    sources.profile = Some("prod".into());
    let found = sources.settle().unwrap();
    assert_eq!(found.gateway.value, "http://prod");
    assert_eq!(found.gateway.origin.to_string(), "user.toml [profiles.prod]");
    assert_eq!(found.token.unwrap().value, Token::Text("p".into()));
    sources.profile = Some("nope".into());
    assert_eq!(sources.settle().unwrap_err(), "there is no profile `nope`; there are prod");
    // Chosen in the user's file, it does not stand before the project's.
    sources.profile = None;
    sources.user = file("user.toml", &format!("profile = \"prod\"\n{text}"));
    assert_eq!(sources.settle().unwrap().gateway.value, "http://project");
    sources.project = None;
    assert_eq!(sources.settle().unwrap().gateway.value, "http://prod");
}

#[test]
fn a_token_goes_to_the_gateway_that_its_file_names_and_no_other() {
    let user = || file("user.toml", "gateway = \"https://mine/\"\ntoken = \"t\"\nca = \"ca.pem\"");
    let mut sources = Sources { user: user(), ..Sources::default() };
    let found = sources.settle().unwrap();
    assert_eq!(found.token.unwrap().value, Token::Text("t".into()));
    assert_eq!(found.ca.unwrap().value, Path::new("/home/me/.config/tabmesh/ca.pem"));
    sources.project = file("tabmesh.toml", "gateway = \"https://evil\"");
    let found = sources.settle().unwrap();
    assert_eq!((found.token, found.ca), (None, None));
    assert_eq!(found.withheld.unwrap().to_string(), "user.toml");
    // The same gateway, named from somewhere else, is the same gateway.
    sources.project = file("tabmesh.toml", "gateway = \"https://mine\"");
    assert!(sources.settle().unwrap().token.is_some());
    sources.project = None;
    sources.flags = gateway("https://other");
    assert_eq!(sources.settle().unwrap().token, None);
    // The environment's is for whichever gateway it is.
    sources.environment.token = Some("e".into());
    let token = sources.settle().unwrap().token.unwrap();
    assert_eq!((token.value, token.origin), (Token::Text("e".into()), Origin::Environment));
    // Without a gateway beside it, a token is the default gateway's.
    let sources = Sources { user: file("user.toml", "token = \"t\""), ..Sources::default() };
    assert!(sources.settle().unwrap().token.is_some());
}

#[test]
fn mistakes_in_a_file_have_a_line() {
    let error = ConfigFile::parse("gateway = \"x\"\ngatway = 1", Path::new("/")).unwrap_err();
    assert!(error.contains("line 2") && error.contains("gatway"), "{error}");
    assert!(ConfigFile::parse("[profiles.a]\ntokn = \"\"", Path::new("/")).is_err());
}

#[test]
fn a_token_is_not_in_debug_output() {
    assert!(!format!("{:?}", Token::Text("secret".into())).contains("secret"));
}
