import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import * as aws from '@aws-sdk/client-iot';
import { fleetprov, startMock } from '../../support/mock.mjs';

const run = promisify(execFile);
const text = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const roleArn = 'arn:aws:iam::123456789012:role/provisioning';
const deadline = setTimeout(() => { console.error('timed out'); process.exit(1); }, 120_000);

const folder = mkdtempSync(join(tmpdir(), 'client-iot-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const mock = await startMock('--empty');
const iot = new aws.IoTClient({ endpoint: mock.http.url, region: 'us-east-1', maxAttempts: 1,
                                credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' } });
const send = (Command, input) => iot.send(new Command(input));

await send(aws.CreatePolicyCommand, { policyName: 'interop-claim', policyDocument: text('claim_policy.json') });
await send(aws.CreatePolicyCommand, { policyName: 'interop-device', policyDocument: text('device_policy.json') });
await assert.rejects(send(aws.CreatePolicyCommand, { policyName: 'broken', policyDocument: '[]' }), aws.MalformedPolicyException);
const claim = await send(aws.CreateKeysAndCertificateCommand, { setAsActive: true });
writeFileSync(join(folder, 'claim.crt'), claim.certificatePem);
writeFileSync(join(folder, 'claim.key'), claim.keyPair.PrivateKey, { mode: 0o600 });
await send(aws.AttachPolicyCommand, { policyName: 'interop-claim', target: claim.certificateArn });
await send(aws.CreateProvisioningTemplateCommand,
           { templateName: 'interop', templateBody: text('template.json'), provisioningRoleArn: roleArn, enabled: true });
await assert.rejects(send(aws.CreateProvisioningTemplateCommand,
                          { templateName: 'interop', templateBody: text('template.json'), provisioningRoleArn: roleArn }),
                     aws.ResourceAlreadyExistsException);

await run(fleetprov, ['provision', '--endpoint', `${mock.mqtt.host}:${mock.mqtt.port}`, '--cert', join(folder, 'claim.crt'),
                      '--key', join(folder, 'claim.key'), '--ca-file', mock.ca_file, '--template-name', 'interop',
                      '--template-parameters', '{"SerialNumber":"9"}', '--out', join(folder, 'device')]);
const device = JSON.parse(readFileSync(join(folder, 'device', 'device.json'), 'utf8'));
assert.equal(device.thing_name, 'interop-9');

const thing = await send(aws.DescribeThingCommand, { thingName: 'interop-9' });
assert.deepEqual(thing.attributes, { serial: '9' });
const { principals } = await send(aws.ListThingPrincipalsCommand, { thingName: 'interop-9' });
assert.equal(principals.length, 1);
const { certificateDescription } = await send(aws.DescribeCertificateCommand, { certificateId: device.certificate_id });
assert.equal(certificateDescription.status, 'ACTIVE');
assert.ok(certificateDescription.creationDate instanceof Date);
const { authResults } = await send(aws.TestAuthorizationCommand, { principal: principals[0], clientId: 'interop-9', authInfos: [
  { actionType: 'SUBSCRIBE', resources: ['arn:aws:iot:us-east-1:123456789012:topicfilter/interop/interop-9/#'] },
  { actionType: 'SUBSCRIBE', resources: ['arn:aws:iot:us-east-1:123456789012:topicfilter/#'] }] });
assert.deepEqual(authResults.map((r) => r.authDecision), ['ALLOWED', 'IMPLICIT_DENY']);
await assert.rejects(send(aws.DescribeThingCommand, { thingName: 'nobody' }), aws.ResourceNotFoundException);

// A live session of the device drops when its certificate is deactivated.
const session = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-h', mock.mqtt.host, '-p', String(mock.mqtt.port), '--cafile', mock.ca_file,
  '--cert', join(folder, 'device', 'device.pem.crt'), '--key', join(folder, 'device', 'device.pem.key'),
  '-i', 'interop-9', '-V', 'mqttv5', '-t', 'interop/interop-9/#', '-d'], { stdio: ['ignore', 'pipe', 'inherit'] });
process.once('exit', () => session.kill('SIGKILL'));
const lines = createInterface({ input: session.stdout });
const seen = (words) => new Promise((resolve) => lines.on('line', (line) => { if (words.some((w) => line.includes(w))) resolve(line); }));
const ended = new Promise((resolve) => session.once('exit', resolve));
await seen(['received SUBACK']);
const dropped = Promise.race([seen(['received DISCONNECT', 'sending CONNECT', 'received CONNACK', 'refused', 'lost']), ended]);
await send(aws.UpdateCertificateCommand, { certificateId: device.certificate_id, newStatus: 'INACTIVE' });
await dropped;
session.kill('SIGKILL');

clearTimeout(deadline);
assert.equal(await mock.stop(), 0);
console.log('1 passed, 0 failed');
process.exit(0);
