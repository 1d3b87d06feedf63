// A running `fleetprov mock` for Node tests: resolves with the ready object and a stop function.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const bin = process.env.FLEETPROV_BIN ?? new URL('../../build/test/bin', import.meta.url).pathname;
export const fleetprov = `${bin}/fleetprov`;

export async function startMock(...args) {
  const child = spawn(fleetprov, ['mock', '--ephemeral', '--port', '0', '--http-port', '0', '--format', 'json', ...args],
                      { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    new Promise((resolve) => lines.once('line', resolve)),
    exited.then((code) => { throw new Error(`the mock ended with ${code} before it was ready`); }),
  ]);
  return { ...JSON.parse(line), stop: async () => { child.kill('SIGTERM'); return exited; } };
}
