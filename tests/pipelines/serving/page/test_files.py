"""The page's files: where they are, what protects them, and that they ask nobody else."""

import re

import httpx
import pytest

from pipelines.serving.page_routes import FILES, FOLDER


def get(server, path: str, **options) -> httpx.Response:
    return httpx.get(server.url + path, timeout=30, **options)


def test_the_page_and_its_files_come_with_security_headers(server):
    for path, kind in {"/": "html", "/page/app.js": "javascript", "/page/style.css": "css"}.items():
        answer = get(server, path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(f"text/{kind}")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_file_that_the_browser_has_is_not_sent_again(server):
    tag = get(server, "/").headers["etag"]
    assert get(server, "/page/app.js").headers["etag"] != tag
    again = get(server, "/", headers={"if-none-match": tag})
    assert again.status_code == 304 and not again.content
    assert httpx.head(server.url + "/", timeout=30).status_code == 200


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "%2e%2e%2fapp.py", "../app.py"])
def test_no_other_file_is_sent(server, name):
    answer = httpx.get(f"{server.url}/page/{name}", timeout=30)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_it_names_no_host_and_only_files_that_are_there():
    for name, data in FILES.items():
        text = data.decode().replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert not re.findall(r"https?://\w+|//\w+\.\w+/|@import|<style|\sstyle=|\son\w+=\"", text), name
    named = {found for data in FILES.values() for found in re.findall(r'"(?:page|\.)/([\w.]+)"', data.decode())}
    assert named == set(FILES) - {"index.html"}
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)
