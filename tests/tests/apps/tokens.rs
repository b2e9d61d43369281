//! Tokens: jose, @cfworker/jwt, @tsndr/cloudflare-worker-jwt.

use crate::app::App;
use serde_json::json;

#[tokio::test]
async fn jose_signs_and_verifies_with_every_algorithm_and_a_set_of_keys() {
    let app = App::deploy("tokens").await;
    let told = app.json("/signatures").await;
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
        let told = &told[algorithm];
        assert_eq!(
            (&told["claim"], &told["kid"], &told["lasts"]),
            (&json!(true), &json!(true), &json!(7200))
        );
        assert_eq!(told["forged"]["code"], "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "{algorithm}: {told}");
        assert_eq!(told["audience"]["code"], "ERR_JWT_CLAIM_VALIDATION_FAILED", "{algorithm}: {told}");
        assert_eq!(told["expired"], "ERR_JWT_EXPIRED", "{algorithm}: {told}");
        assert_eq!(told["unknown"], "ERR_JWKS_NO_MATCHING_KEY", "{algorithm}: {told}");
    }
}

#[tokio::test]
async fn jose_encrypts_and_reads_the_standards_own_token() {
    let app = App::deploy("tokens").await;
    let told = app.json("/encryption").await;
    assert_eq!((&told["payload"], &told["plaintext"]), (&json!({ "hidden": "yes" }), &json!("sealed")));
    let known = app.json("/known").await;
    assert_eq!(
        known["payload"],
        json!({ "iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true })
    );
    assert_eq!(known["now"]["code"], "ERR_JWT_EXPIRED");
}

#[tokio::test]
async fn smaller_libraries_for_tokens_work_too() {
    let app = App::deploy("tokens").await;
    let told = app.json("/others").await;
    assert_eq!(told["decoded"]["sub"], "ada", "{told}");
    assert!(!told["verified"].is_null(), "{told}");
    assert!(told["wrong"].is_null() || told["wrong"] == false, "{told}");
    assert_eq!(told["cfworker"]["valid"], false, "{told}");
}
