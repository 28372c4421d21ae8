//! What a browser is told that opens a page while nobody can bring it.

use crate::application::Application;
use crate::stage::{Stage, get, settings};

fn page(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: h\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n\r\n"
    )
}

#[tokio::test]
async fn a_browser_that_opens_a_page_is_told_in_words_and_comes_back() {
    let application = Application::on_tcp().await;
    let place = application.place();
    drop(application);
    let stage = Stage::before(place);
    let mut client = stage.client().await;
    for path in ["/", "/h5/", "/h5/index.html?from=wechat"] {
        let told = client.ask(page(path)).await;
        assert_eq!(told.status(), 502);
        assert_eq!(
            told.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(told.header("cache-control"), Some("no-store"));
        let guard = told.header("content-security-policy").unwrap();
        assert!(guard.contains("default-src 'none'") && guard.contains("frame-ancestors 'none'"));
        for part in ["<title>说明 - 沪苗</title>", "请稍后再来", "秒后自动再试"] {
            assert!(told.text().contains(part), "{part}: {}", told.text());
        }
    }
    // What a page asks for itself, and whoever asks the interface.
    for request in [
        get("/h5/assets/index-Cj3nL2g2.js"),
        page("/api/v1/public/vaccines"),
        page("/h5/").replace("GET", "POST"),
    ] {
        let told = client.ask(request).await;
        assert_eq!(
            (told.status(), told.problem()),
            (502, "upstream_away".to_owned())
        );
    }
}

#[tokio::test]
async fn a_browser_for_which_there_is_no_room_comes_back_when_it_is_told() {
    let application = Application::on_tcp().await;
    let mut settings = settings(application.place());
    settings.upstream_max = 0;
    let stage = Stage::open(settings, crate::stage::idle_desk(), "redis://127.0.0.1:1");
    let mut client = stage.client().await;
    let told = client.ask(page("/h5/")).await;
    assert_eq!(
        (told.status(), told.header("retry-after")),
        (503, Some("2"))
    );
    let waits = (2..2 + 5).map(|wait_s| format!("{wait_s} 秒后自动再试"));
    assert_eq!(waits.filter(|wait| told.text().contains(wait)).count(), 1);
}

#[tokio::test]
async fn what_the_application_says_to_a_browser_stays_as_it_is() {
    let application = Application::on_tcp().await;
    let stage = Stage::before(application.place());
    let mut client = stage.client().await;
    client.send(page("/h5/nowhere")).await;
    let (mut line, _) = application.asked().await;
    let said = r#"{"title":"系统繁忙","detail":"请稍后重试"}"#;
    let head = "HTTP/1.1 503 Busy\r\nContent-Type: application/problem+json\r\n";
    let answer = format!("{head}Content-Length: {}\r\n\r\n{said}", said.len());
    line.send(answer.as_bytes()).await.unwrap();
    assert_eq!(client.answer().await.text(), said);
}
