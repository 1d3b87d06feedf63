"""A small MQTT 3.1.1 and 5 client over mutual TLS that shows every packet; Python's standard library only.

`None` as an answer means: the server closed the connection instead."""
import json
import socket
import ssl
import struct
import time

CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 11, 13, 14
PATIENCE = 60.0  # an RSA key on a busy machine


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def variable(number):
    out = b""
    while True:
        out += bytes([number % 128 | (0x80 if number > 127 else 0)])
        number //= 128
        if number == 0:
            return out


def packet(header, body):
    return bytes([header]) + variable(len(body)) + body


class Packet:
    def __init__(self, header, body):
        self.type, self.flags, self.body = header >> 4, header & 15, body

    def __repr__(self):
        return "Packet(%d, %r)" % (self.type, self.body[:60])


class Message:
    def __init__(self, received, version):
        size = struct.unpack_from(">H", received.body)[0]
        self.topic = received.body[2:2 + size].decode()
        at = 2 + size
        self.qos, self.retain = received.flags >> 1 & 3, bool(received.flags & 1)
        self.packet_id = None
        if self.qos:
            self.packet_id = struct.unpack_from(">H", received.body, at)[0]
            at += 2
        if version == 5:
            length, shift = 0, 0
            while True:
                byte = received.body[at]
                at += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            at += length
        self.payload = received.body[at:]

    def json(self):
        return json.loads(self.payload)

    def __repr__(self):
        return "Message(%s, %r)" % (self.topic, self.payload[:80])


def tls_context(ca_file, identity):
    context = ssl.create_default_context(cafile=ca_file)
    context.load_cert_chain(*identity)
    return context


class Client:
    """`identity` is (certificate file, key file); `tls` a context made of it before, `transport` a socket that is connected."""

    def __init__(self, mock, identity, client_id, version=4, clean=True, keep_alive=60, will=None, username=None,
                 session_expiry=None, protocol=None, connect=True, tls=None, transport=None):
        self.version, self.client_id, self.messages, self.next_id = version, client_id, [], 0
        self.buffer = b""
        self.closed = False
        context = tls or tls_context(mock.ca_file, identity)
        plain = transport or socket.create_connection((mock.host, mock.port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname=mock.host)
        flags = (2 if clean else 0) | (0x80 if username else 0)
        payload = text(client_id)
        properties = b""
        if session_expiry is not None:
            properties += b"\x11" + struct.pack(">I", session_expiry)
        if will:
            topic, data, qos, retain = will
            flags |= 4 | qos << 3 | (0x20 if retain else 0)
            payload += (b"\0" if version == 5 else b"") + text(topic) + text(data)
        if username:
            payload += text(username)
        body = text(protocol or "MQTT") + bytes([version, flags]) + struct.pack(">H", keep_alive)
        if version == 5:
            body += variable(len(properties)) + properties
        self.connect_packet = packet(0x10, body + payload)
        self.connack = None
        if connect:
            self.send(self.connect_packet)
            self.connack = self.wait(CONNACK)

    @property
    def accepted(self):
        return self.connack is not None and self.connack.body[1] == 0

    @property
    def connack_code(self):
        return None if self.connack is None else self.connack.body[1]

    @property
    def session_present(self):
        return bool(self.connack.body[0] & 1)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError):
            self.closed = True

    def _read_packet(self, until):
        while True:
            if len(self.buffer) >= 2:
                length, shift, at = 0, 0, 1
                while at < len(self.buffer):
                    byte = self.buffer[at]
                    length |= (byte & 127) << shift
                    shift += 7
                    at += 1
                    if byte < 128:
                        if len(self.buffer) >= at + length:
                            found = Packet(self.buffer[0], self.buffer[at:at + length])
                            self.buffer = self.buffer[at + length:]
                            return found
                        break
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no packet for %s" % self.client_id)
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise TimeoutError("no packet for %s" % self.client_id) from None
            except (OSError, ssl.SSLError):
                data = b""
            if not data:
                self.closed = True
                return None
            self.buffer += data

    def wait(self, kind, patience=PATIENCE):
        """The next packet of a kind; messages on the way are kept in `messages`. None: closed."""
        until = time.monotonic() + patience
        while True:
            found = self._read_packet(until)
            if found is None or found.type == kind:
                return found
            self._keep(found)

    def _keep(self, found):
        if found.type == PUBLISH:
            message = Message(found, self.version)
            self.messages.append(message)
            if message.qos:
                self.send(packet(0x40, struct.pack(">H", message.packet_id)))
        elif found.type == DISCONNECT:
            self.disconnect_code = found.body[0] if found.body else 0

    disconnect_code = None

    def subscribe(self, *filters, qos=1):
        """The SUBACK's codes, or None."""
        self.next_id += 1
        body = struct.pack(">H", self.next_id) + (b"\0" if self.version == 5 else b"")
        self.send(packet(0x82, body + b"".join(text(f) + bytes([qos]) for f in filters)))
        answer = self.wait(SUBACK)
        return None if answer is None else list(answer.body[-len(filters):])

    def unsubscribe(self, *filters):
        self.next_id += 1
        body = struct.pack(">H", self.next_id) + (b"\0" if self.version == 5 else b"")
        self.send(packet(0xA2, body + b"".join(text(f) for f in filters)))
        return self.wait(UNSUBACK)

    def start_publish(self, topic, payload=b"", qos=1, retain=False, properties=b""):
        data = payload if isinstance(payload, bytes) else payload.encode()
        body = text(topic)
        if qos:
            self.next_id += 1
            body += struct.pack(">H", self.next_id)
        if self.version == 5:
            body += variable(len(properties)) + properties
        self.send(packet(0x30 | qos << 1 | int(retain), body + data))

    def publish(self, topic, payload=b"", qos=1, retain=False, properties=b""):
        """The PUBACK's reason code (0 in 3.1.1), or None. QoS 0: 0 if the connection still stands."""
        self.start_publish(topic, payload, qos, retain, properties)
        if not qos:
            return 0 if self.ping() else None
        answer = self.wait(PUBACK)
        if answer is None:
            return None
        return answer.body[2] if len(answer.body) > 2 else 0

    def ping(self):
        """True while the connection stands; then everything sent before has been handled."""
        self.send(b"\xc0\x00")
        return self.wait(PINGRESP) is not None

    def message(self, patience=PATIENCE, topic=None):
        """The next message, on `topic` where one is given. None: closed."""
        until = time.monotonic() + patience
        while True:
            for i, kept in enumerate(self.messages):
                if topic is None or kept.topic == topic:
                    return self.messages.pop(i)
            found = self._read_packet(until)
            if found is None:
                return None
            self._keep(found)

    def wait_closed(self, patience=PATIENCE):
        """Reads until the server closes; the reason code of its DISCONNECT or None."""
        until = time.monotonic() + patience
        while not self.closed:
            found = self._read_packet(until)
            if found is not None:
                self._keep(found)
        return self.disconnect_code

    def disconnect(self):
        self.send(b"\xe0\x00")
        self.wait_closed()
        self.socket.close()

    def abort(self):
        """Gone without a word, so that the will is sent."""
        self.socket.close()


CREATE = "$aws/certificates/create/json"
CREATE_FROM_CSR = "$aws/certificates/create-from-csr/json"


def provision_topic(template, form="json"):
    return "$aws/provisioning-templates/%s/provision/%s" % (template, form)


def ask(client, topic, payload=b"", subscribe=True):
    """A request of the provisioning API: (accepted or rejected, the message)."""
    if subscribe:
        codes = client.subscribe(topic + "/accepted", topic + "/rejected")
        assert codes == [1, 1], codes
    assert client.publish(topic, payload) in (0, 0x10)
    while True:
        answer = client.message()
        assert answer is not None, "closed instead of an answer on " + topic
        if answer.topic.startswith(topic + "/"):
            return answer.topic.rsplit("/", 1)[1], answer


def create(client):
    kind, answer = ask(client, CREATE, b"{}")
    assert kind == "accepted", answer.payload
    return answer.json()


def register(client, token, template="fleet-basic", **parameters):
    body = json.dumps({"certificateOwnershipToken": token, "parameters": parameters})
    kind, answer = ask(client, provision_topic(template), body)
    return kind, answer.json()


def save(folder, created, name="device"):
    """Writes certificate and key to files; returns the identity."""
    identity = ("%s/%s.crt" % (folder, name), "%s/%s.key" % (folder, name))
    for path, content in zip(identity, (created["certificatePem"], created["privateKey"])):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    return identity


def claim_identity(mock):
    return mock.claim["certificate"], mock.claim["private_key"]


def provision_device(mock, folder, serial, template="fleet-basic", claim=None):
    """Runs the whole flow; (identity, thing name, certificate id)."""
    client = Client(mock, claim or claim_identity(mock), "provision-" + serial)
    assert client.accepted
    created = create(client)
    kind, answer = register(client, created["certificateOwnershipToken"], template, SerialNumber=serial)
    assert kind == "accepted", answer
    client.disconnect()
    return save(folder, created, "device-" + serial), answer["thingName"], created["certificateId"]
