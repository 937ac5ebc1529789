# SPDX-License-Identifier: Apache-2.0
"""The example boutique: every page byte by byte, how many calls each of them is by the kernel's
count, and users who shop, err, and shop at the same time."""
import os
import random
import re
import signal
from pathlib import Path

import tap
from boutique import ADDRESS, PRODUCTS, SHIPPING, Page, Shopper, chain_text
from client import poll
from daemon import Daemon
from harness import Chain, ChainTest, in_parallel
from observe import metrics

SOURCE = Path(__file__).resolve().parents[2] / "functions/examples/boutique"
GOLDEN = SOURCE / "golden/pages"
ADA = {"shop_session-id": "ada", "shop_currency": "USD"}
IDS = list(PRODUCTS)
USERS = 24
CALLS = {("frontend", to) for to in ("ad", "cart", "productcatalog", "checkout", "currency",
                                     "recommendation", "shipping")} | {
    ("checkout", to) for to in ("cart", "productcatalog", "currency", "shipping", "payment",
                                "email")} | {("recommendation", "productcatalog")}


def shop():
    return Chain(text=chain_text())


class Pages(ChainTest):
    def golden(self, name, page):
        path = GOLDEN / f"{name}.html"
        if os.environ.get("SPROCKET_GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(page.body)
        self.assertEqual(page.body, path.read_text(), f"{path}: SPROCKET_GOLDEN=write makes it")

    def test_golden(self):
        with shop() as chain, Shopper(chain.port, ADA) as ada:
            self.golden("home", ada.get("/"))
            for product in IDS:
                self.golden(f"product-{product}", ada.get(f"/product/{product}"))
            self.golden("cart-empty", ada.get("/cart"))
            ada.add("LS4PSXUNUM", 2)
            ada.cookies["shop_currency"] = "JPY"
            self.golden("home-jpy", ada.get("/"))
            self.golden("cart-jpy", ada.add("1YMWWN1N4O", 1))
            ada.cookies["shop_currency"] = "CHF"
            self.golden("order-chf", ada.post("/cart/checkout", ADDRESS))
            self.golden("order-empty", ada.post("/cart/checkout", ADDRESS,
                                                **{"X-Request-Id": "golden"}))
            self.golden("error", ada.get("/product/NONE", **{"X-Request-Id": "golden"}))
            chain.wait_idle(leases=True)

    def test_links_lead_somewhere(self):
        with shop() as chain, Shopper(chain.port, ADA) as ada:
            todo, seen = ["/"], {}
            ada.add("6E92ZMYYFZ")
            while todo:
                path = todo.pop()
                answer = ada.request("GET", path)
                self.assertEqual(answer.status, 200, path)
                seen[path] = answer
                if answer.header("content-type").startswith("text/html"):
                    links = {link for link in Page(answer).links if link.startswith("/")}
                    todo += links - set(seen) - set(todo)
            self.assertLessEqual({f"/product/{p}" for p in IDS} | {"/cart", "/static/shop.css"},
                                 set(seen))
            for path, answer in seen.items():
                if path.endswith(".svg"):
                    self.assertEqual(answer.header("content-type"), "image/svg+xml")
                    self.assertIn(b"</svg>", answer.body)
            head = ada.request("HEAD", "/")
            self.assertEqual((head.status, head.body), (200, b""))


class CallsOfPages(ChainTest):
    maxDiff = None

    def edges(self, daemon):
        have = {}
        for _, labels, count in metrics(daemon)["sprocket_edge_descriptors_total"][1]:
            edge = labels["from"], labels["to"]
            have[edge] = have.get(edge, 0) + count
        return have

    def count(self, daemon, want, ask, **details):
        """`ask()` is `want` calls by the kernel's count, each answered; `details` are those
        of one callee."""
        before = self.edges(daemon)
        page = ask()
        daemon.whole("boutique")
        after = self.edges(daemon)
        more = {edge: n - before.get(edge, 0) for edge, n in after.items()
                if n != before.get(edge, 0)}
        calls = {edge: n for edge, n in more.items() if edge in CALLS}
        self.assertEqual(sum(calls.values()), want, more)
        # Each call has its way back, and nothing else moves but the request itself.
        answers = {}
        for (_, callee), n in calls.items():
            answers[callee, "caller"] = answers.get((callee, "caller"), 0) + n
        self.assertEqual(more, calls | answers
                         | {("gateway", "frontend"): 1, ("frontend", "gateway"): 1})
        for callee, n in details.items():
            self.assertEqual(sum(v for (_, to), v in calls.items() if to == callee), n, calls)
        return page

    def test_calls(self):
        with Daemon() as daemon:
            daemon.apply(chain_text())
            with Shopper(daemon.port("boutique"), ADA) as ada:
                def get(path):
                    return lambda: self.assertEqual(ada.request("GET", path).status, 200)

                def post(path, fields, status=302):
                    return lambda: self.assertEqual(ada.request("POST", path, fields).status,
                                                    status)
                self.count(daemon, 13, get("/"), currency=10, productcatalog=1, cart=1, ad=1)
                self.count(daemon, 12, get("/product/6E92ZMYYFZ"), productcatalog=7, currency=2,
                           cart=1, recommendation=1, ad=1)
                self.count(daemon, 0, post("/setCurrency", {"currency_code": "EUR"}))
                self.count(daemon, 1, post("/cart/empty", {}), cart=1)
                self.count(daemon, 0, get("/static/shop.css"))
                for k in range(10):
                    self.count(daemon, 11 + 2 * k, get("/cart"), cart=1, shipping=1,
                               currency=2 + k, recommendation=1, productcatalog=6 + k)
                    if k < 9:
                        self.count(daemon, 2, post("/cart", {"product_id": IDS[k],
                                                             "quantity": k + 1}),
                                   productcatalog=1, cart=1)
                for k in (9, 1, 2, 3):
                    for product in IDS[:k]:
                        ada.request("POST", "/cart", {"product_id": product, "quantity": 1})
                    self.count(daemon, 16 + 2 * k, post("/cart/checkout", ADDRESS, 200),
                               checkout=1, cart=2, shipping=2, currency=2 + k, payment=1,
                               email=1, recommendation=1, productcatalog=6 + k)


class Shopping(ChainTest):
    def test_trip(self):
        """As a browser does it: every click is a link or a form of the page before."""
        with shop() as chain, Shopper(chain.port) as shopper:
            page = shopper.get("/")
            self.assertRegex(shopper.cookies["shop_session-id"], r"^[0-9a-f-]{36}$")
            page = shopper.submit(page, "/setCurrency", currency_code="EUR")
            self.assertIn("€17.68", page.text)
            page = shopper.get(next(l for l in page.links if l == "/product/OLJCESPC7Z"))
            page = shopper.submit(page, "/cart", quantity=3)
            self.assertEqual((page.cart_size(), page.money("Total")), (3, 3 * 1768 + 795))
            page = shopper.submit(shopper.get("/product/6E92ZMYYFZ"), "/cart")
            self.assertEqual(page.cart_size(), 4)
            page = shopper.submit(page, "/setCurrency", currency_code="USD")
            total = 3 * 1999 + 899 + SHIPPING
            page = shopper.get("/cart")
            self.assertEqual(page.money("Total"), total)
            page = shopper.submit(page, "/cart/checkout")
            self.assertEqual(page.money("Total paid"), total)
            self.assertIn("1600 Amphitheatre Parkway, 94043 Mountain View, CA, United States",
                          page.text)
            self.assertRegex(page.text, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]")
            self.assertRegex(page.text, r"[A-Z]{2}-\d+-\d+")
            self.assertEqual(page.cart_size(), 0)
            page = shopper.get("/cart")
            self.assertIn("Your cart is empty", page.text)
            shopper.add("6E92ZMYYFZ")
            page = shopper.submit(shopper.get("/cart"), "/cart/empty")
            self.assertEqual(page.cart_size(), 0)

    def test_currency_back(self):
        with shop() as chain, Shopper(chain.port, ADA) as ada:
            answer = ada.request("POST", "/setCurrency", {"currency_code": "GBP"},
                                 {"Referer": f"http://127.0.0.1:{chain.port}/product/6E92ZMYYFZ"})
            self.assertEqual(answer.header("location"), "/product/6E92ZMYYFZ")
            self.assertIn("£6.84", ada.follow(answer).text)

    def test_users_at_once(self):
        """Each has a cart of its own, and pays for that one alone."""
        def shop_for(port, user):
            random_ = random.Random(user)
            with Shopper(port) as shopper:
                shopper.get("/")
                for _ in range(4):
                    want = {p: random_.randint(1, 10) for p in random_.sample(IDS, 3)}
                    for product, quantity in want.items():
                        page = shopper.add(product, quantity)
                    total = sum(PRODUCTS[p] * q for p, q in want.items()) + SHIPPING
                    self.assertEqual(page.cart_size(), sum(want.values()))
                    self.assertEqual(page.money("Total"), total)
                    page = shopper.post("/cart/checkout", ADDRESS)
                    self.assertEqual(page.status, 200, page.text)
                    self.assertEqual(page.money("Total paid"), total)
                    self.assertEqual(set(re.findall(r"<td><a href=\"/product/(\w+)\"", page.body)),
                                     set(want))
                return shopper.cookies["shop_session-id"]
        with shop() as chain:
            users = in_parallel(USERS, lambda user: shop_for(chain.port, user))
            self.assertEqual(len(set(users)), USERS)
            chain.wait_idle(leases=True)

    def test_a_part_dies(self):
        """Pages fail while a function is away, in words; then they come again. What was in the
        carts is gone when it is theirs."""
        with shop() as chain, Shopper(chain.port, ADA) as ada:
            self.assertEqual(ada.add("6E92ZMYYFZ", 2).cart_size(), 2)
            pid = chain.instance_pid("currency")
            os.kill(pid, signal.SIGKILL)
            chain.replaced("currency", [pid])
            self.assertEqual(poll("pages again", lambda: (
                page := ada.get("/")).status == 200 and page).cart_size(), 2)
            pid = chain.instance_pid("cart")
            os.kill(pid, signal.SIGKILL)
            chain.replaced("cart", [pid])
            self.assertEqual(poll("pages again", lambda: (
                page := ada.get("/")).status == 200 and page).cart_size(), 0)
            chain.wait_idle(leases=True)


class Mix(ChainTest):
    """The load of mix.txt, as its head says that it is done."""

    def read(self):
        actions = []
        for line in (SOURCE / "mix.txt").read_text().splitlines():
            if line.startswith(("#", "header ")):  # a Shopper keeps its cookies
                continue
            weight, method, path, body = (line.split() + [None])[:4]
            if weight == "+":
                actions[-1][1].append((method, path, body))
            else:
                actions.append((int(weight), [(method, path, body)]))
        return actions

    def user(self, port, seed, actions, count):
        random_ = random.Random(seed)
        statuses = []
        with Shopper(port) as shopper:
            for _ in range(count):
                words = {"product": random_.choice(IDS), "quantity": random_.randint(1, 10),
                         "currency": random_.choice("EUR USD JPY CAD GBP TRY".split())}
                steps = random_.choices([a[1] for a in actions], [a[0] for a in actions])[0]
                for method, path, body in steps:
                    answer = shopper.request(method, path.format(**words),
                                             body and body.format(**words).encode())
                    statuses.append((method, path, answer.status))
        return statuses

    def test_mix(self):
        actions = self.read()
        self.assertEqual([weight for weight, _ in actions], [1, 2, 10, 2, 3, 1])
        with shop() as chain:
            done = in_parallel(8, lambda n: self.user(chain.port, n, actions, 100))
            chain.wait_idle(leases=True)
        expected = {"/": 200, "/setCurrency": 302, "/product/{product}": 200,
                    "/cart/checkout": 200}
        seen = set()
        for method, path, status in sum(done, []):
            seen.add((method, path))
            self.assertEqual(status, {("POST", "/cart"): 302, ("GET", "/cart"): 200}.get(
                (method, path)) or expected[path], (method, path))
        self.assertEqual(seen, {(m, p) for _, steps in actions for m, p, _ in steps})


class Refusals(ChainTest):
    def refused(self, page, status, text):
        self.assertEqual(page.status, status, page.text)
        self.assertIn(text, page.text)

    def test_bad_input(self):
        with shop() as chain, Shopper(chain.port, ADA) as ada:
            self.refused(ada.get("/product/NONE"), 404, "There is no product NONE.")
            self.refused(ada.get("/product/%3Cscript%3E"), 404, "There is no such product.")
            self.refused(ada.get("/nix"), 404, "There is no such page.")
            self.refused(ada.add("NONE"), 404, "There is no product NONE.")
            self.refused(ada.add("<script>"), 404, "There is no product <script>.")
            for quantity in ("0", "-1", "10000", "99999999999999999999", "1.5", "x", ""):
                self.refused(ada.add(IDS[0], quantity), 400, "Quantity is a number")
            self.assertEqual(ada.add(IDS[0], 9999).status, 200)
            self.refused(ada.add(IDS[0], 1), 409, "at most 9999 of one product")
            self.refused(ada.post("/cart", b"product_id=%FF&quantity=1"), 400, "cannot be read")
            self.refused(ada.post("/cart", b"{}", **{"Content-Type": "application/json"}), 415,
                         "Send a form")
            self.refused(ada.post("/setCurrency", {"currency_code": "EUR\r\nX: y"}), 400,
                         "cannot be read")
            self.assertEqual(ada.request("DELETE", "/cart").status, 405)
            self.assertEqual(ada.request("POST", "/cart", b"x" * 9000).status, 413)
            self.assertEqual(ada.get("/").cart_size(), 9999)

    def test_bad_cards(self):
        with shop() as chain, Shopper(chain.port, ADA) as ada:
            ada.add(IDS[0])
            for change, text in (
                    ({"credit_card_number": "4432-8015-6152-0455"}, "number is not valid"),
                    ({"credit_card_number": "378282246310005"}, "Only VISA and MasterCard"),
                    ({"credit_card_expiration_year": "2025"}, "has expired"),
                    ({"credit_card_cvv": "12"}, "security code"),
                    ({"email": "nobody"}, "an e-mail address"),
                    ({"city": " "}, "where to send the parcel")):
                self.refused(ada.post("/cart/checkout", ADDRESS | change), 400, text)
            # Nothing was charged, and nothing is lost.
            page = ada.get("/cart")
            self.assertEqual((page.cart_size(), page.money("Total")), (1, 1999 + SHIPPING))
            self.assertEqual(ada.post("/cart/checkout", ADDRESS).status, 200)
            self.refused(ada.post("/cart/checkout", ADDRESS), 409, "Your cart is empty.")

    def test_cookies(self):
        with shop() as chain:
            users = set()
            for bad in (None, "", "a b", "x" * 37, "%00", "ada;", "\xe9"):
                with Shopper(chain.port, {"shop_session-id": bad} if bad is not None else {}) as s:
                    page = s.add(IDS[0])
                    self.assertEqual(page.status, 200, page.text)
                    users.add(s.cookies["shop_session-id"])
                    # "ada;" is ada and nothing after it.
                    self.assertEqual(s.cookies["shop_session-id"] == bad, bad == "ada;")
            self.assertEqual(len(users), 7)
            with Shopper(chain.port, {"shop_session-id": "eve", "shop_currency": "XXX"}) as eve:
                self.assertIn("$19.99", eve.get("/").text)
                eve.add(IDS[0])
                self.refused(eve.post("/cart/checkout", ADDRESS), 400, "There is no currency XXX.")


if __name__ == "__main__":
    tap.main()
