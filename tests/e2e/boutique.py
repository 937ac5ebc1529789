# SPDX-License-Identifier: Apache-2.0
"""boutique.py - the example boutique as it is built, and a browser without JavaScript.

    with Chain(text=chain_text()) as chain, Shopper(chain.port) as shopper:
        page = shopper.get("/product/MUG")
        page = shopper.submit(page, "/cart", quantity=2)

`chain_text` makes ids a sequence and stops the clock, so that pages are the same each time.
"""
import re
import urllib.parse
from html.parser import HTMLParser

from client import Connection
from harness import BUILD

FOLDER = BUILD / "functions/examples/boutique"
PRODUCTS = {"OLJCESPC7Z": 1999, "66VCHSJNUP": 1899, "1YMWWN1N4O": 10999, "L9ECAV7KIM": 8999,
            "2ZYFJ3GM2N": 2499, "0PUK6V6EV0": 1899, "LS4PSXUNUM": 1849, "9SIQT8TOJO": 549,
            "6E92ZMYYFZ": 899}  # cents
SHIPPING = 899
FIXED = {"frontend": '{today: "2026-07"}', "checkout": '{seed: "1"}', "shipping": '{seed: "2"}',
         "payment": '{seed: "3", today: "2026-07"}'}
VOID = {"meta", "link", "img", "input", "br"}
ADDRESS = {"email": "ada@example.com", "street_address": "1 St. James's Square",
           "zip_code": "SW1Y 4JH", "city": "London", "state": "", "country": "United Kingdom",
           "credit_card_number": "4432-8015-6152-0454", "credit_card_expiration_month": "1",
           "credit_card_expiration_year": "2039", "credit_card_cvv": "672"}


def chain_text(fixed=True):
    text = (FOLDER / "chain.yaml").read_text()
    for name, config in FIXED.items() if fixed else ():
        text, count = re.subn(rf"exec: \./{name}\b", f"exec: ./{name}, config: {config}", text)
        assert count == 1, name
        # In the long form each key has a line of its own.
        text = re.sub(rf"^( +)exec: \./{name}, ", rf"\1exec: ./{name}\n\1", text, flags=re.M)
    return re.sub(r"exec: \./(\w+)", lambda m: f'exec: "{FOLDER / m[1]}"', text)


class Page(HTMLParser):
    """What a browser makes of an answer. A page whose tags do not match is an error."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.status = answer, answer.status
        self.links, self.forms, self.open, self.selects = [], [], [], []
        self.text = ""
        self.body = answer.body.decode()
        assert answer.header("content-type") == "text/html; charset=utf-8", answer
        self.feed(self.body)
        self.close()
        assert not self.open, f"never ended: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.links += [attrs[a] for a in ("href", "src") if a in attrs]
        if tag == "form":
            self.forms.append({"method": attrs["method"], "action": attrs["action"],
                               "fields": {}})
        elif tag in ("input", "select") and "form" in self.open:
            self.forms[-1]["fields"][attrs["name"]] = attrs.get("value")
            self.selects.append(attrs["name"])
        elif tag == "option":
            self.forms[-1].setdefault("options", {}).setdefault(self.selects[-1], []).append(
                [attrs.get("value"), "selected" in attrs, ""])

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "option":
            self.forms[-1]["options"][self.selects[-1]][-1][2] += data

    def form(self, action):
        """What a browser sends when nothing is changed."""
        form = next(f for f in self.forms if f["action"] == action)
        fields = dict(form["fields"])
        for name, options in form.get("options", {}).items():
            value, _, text = next((o for o in options if o[1]), options[0])
            fields[name] = text if value is None else value
        return form["method"], fields

    def cart_size(self):
        return int(re.search(r">Cart <b>(\d+)</b>", self.body)[1])

    def money(self, name):
        """Cents or coins that a page says after a word."""
        text = re.search(rf"{name}</\w+>(?:<td></td>)?<\w+>([^<]*)<", self.body)[1]
        return int(re.sub(r"\D", "", text))


class Shopper:
    """One user: keeps cookies and a connection, follows redirects, submits forms."""

    def __init__(self, port, cookies=None):
        self.connection = Connection(port)
        self.cookies = dict(cookies or {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def request(self, method, path, fields=None, headers=None):
        """One answer, as it is."""
        headers = dict(headers or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        body = None
        if fields is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = fields if isinstance(fields, bytes) else urllib.parse.urlencode(fields).encode()
        answer = self.connection.request(method, path, body, headers)
        for name, value in answer.headers:
            if name == "set-cookie":
                self.cookies.update([value.split(";")[0].split("=", 1)])
        return answer

    def follow(self, answer):
        if answer.status == 302:
            return self.get(answer.header("location"))
        return Page(answer)

    def get(self, path, **headers):
        return self.follow(self.request("GET", path, headers=headers))

    def post(self, path, fields, **headers):
        return self.follow(self.request("POST", path, fields, headers))

    def submit(self, page, action, **changes):
        method, fields = page.form(action)
        assert method == "post"
        return self.post(action, fields | {k: str(v) for k, v in changes.items()})

    def add(self, product, quantity=1):
        return self.post("/cart", {"product_id": product, "quantity": quantity})
