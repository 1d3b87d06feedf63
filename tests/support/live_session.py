"""A device session kept open with mosquitto_sub, to see that the broker drops it."""
import subprocess

from mock import need


class LiveSession:
    def __init__(self, mock, folder, client_id, topic):
        command = ["stdbuf", "-oL", need("mosquitto_sub", "mosquitto-clients"), "-h", mock.host, "-p", str(mock.port), "--cafile", mock.ca_file,
                   "--cert", "%s/device.pem.crt" % folder, "--key", "%s/device.pem.key" % folder,
                   "-i", client_id, "-q", "1", "-V", "mqttv5", "-t", topic, "-d"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._wait_for("received SUBACK")

    def _wait_for(self, words):
        for line in self.process.stdout:
            if words in line:
                return
        raise AssertionError("the session ended before: " + words)

    def wait_dropped(self):
        """Returns when the client has seen its connection end (mosquitto_sub reconnects and is refused, or ends)."""
        for line in self.process.stdout:
            if "received DISCONNECT" in line or "onnection" in line and "lost" in line or "CONNECT" in line or "refused" in line:
                break
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
