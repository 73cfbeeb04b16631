"""Clients that write, and keep a register of what they were told of each write; clients that look at all of it."""

import random
import threading
import time

import wire

BUYERS, MONEY = 200, 1000
IN_DOUBT = 9007  # nobody knows
LOST = (OSError, wire.ConnectionLost, wire.ProtocolError)


class Register:
    """What clients were told of each write, by its number."""

    def __init__(self):
        self.lock, self.last = threading.Lock(), 0
        self.done, self.not_done, self.unknown = set(), set(), {}

    def next(self):
        with self.lock:
            self.last += 1
            return self.last


class Client(threading.Thread):
    """Does something again and again, now through this waybill, now through that one."""

    def __init__(self, chaos, seed):
        super().__init__(daemon=True)
        self.chaos, self.rng, self.client = chaos, random.Random(seed), None

    def connect(self):
        if self.client is None:
            self.client = self.rng.choice(self.chaos.proxies).connect()
        return self.client

    def forget(self):
        if self.client:
            self.client.abort()
        self.client = None


class Writer(Client):
    def run(self):
        register = self.register()
        while not self.chaos.is_over:
            number = register.next()
            try:
                self.write(number)
                register.done.add(number)
            except wire.ServerError as error:  # 1213 and the like are rolled back
                if error.code == IN_DOUBT:
                    register.unknown[number] = str(error)
                else:
                    register.not_done.add(number)
            except LOST as error:
                register.unknown[number] = repr(error)
                self.forget()
                time.sleep(0.05)
            if self.rng.random() < 0.02:
                self.forget()


class Teller(Writer):
    """Moves money between two buyers, of two shards where it may."""

    def register(self):
        return self.chaos.transfers

    def write(self, number):
        client = self.connect()
        one, other = sorted(self.rng.sample(self.rng.choice(self.chaos.circles), 2))
        amount = self.rng.randint(1, 9)
        try:
            client.query("BEGIN")
            for buyer, change in ((one, -amount), (other, amount)):
                client.query(f"UPDATE accounts SET money = money + {change} WHERE buyer_id = {buyer}")
                client.query(f"INSERT INTO moves (number, buyer_id, amount) VALUES ({number}, {buyer}, {change})")
            client.query("COMMIT")
        except wire.ServerError:
            if not self.chaos.is_over:
                self.roll_back()
            raise

    def roll_back(self):
        try:
            self.client.query("ROLLBACK")
        except (wire.ServerError, *LOST):
            self.forget()


class Clerk(Writer):
    """One row in a statement of its own; nothing in the table keeps it from being there twice."""

    def register(self):
        return self.chaos.notes

    def write(self, number):
        self.connect().query(f"INSERT INTO notes (buyer_id, number) VALUES ({self.rng.randint(1, BUYERS)}, {number})")
        time.sleep(0.005)


class Reader(Client):
    """Looks at all accounts in one moment."""

    def __init__(self, chaos, seed):
        super().__init__(chaos, seed)
        self.sums = []

    def run(self):
        while not self.chaos.is_over:
            try:
                client = self.connect()
                client.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                for _ in range(2):
                    self.sums.append(int(client.query("SELECT SUM(money) FROM accounts").rows[0][0]))
                    time.sleep(0.01)
                client.query("COMMIT")
                if self.rng.random() < 0.1:
                    self.forget()
            except (wire.ServerError, *LOST):
                self.forget()
                time.sleep(0.05)
