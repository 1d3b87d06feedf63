import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import sdk from 'aws-iot-device-sdk-v2';
import { startMock } from '../../support/mock.mjs';

const { iot, iotidentity, mqtt, mqtt5 } = sdk;
const messages = 10;
const deadline = setTimeout(() => { console.error('timed out'); process.exit(1); }, 120_000);

/** A promise with its resolve and reject outside. */
function later() {
  let settle;
  const promise = new Promise((resolve, reject) => { settle = { resolve, reject }; });
  return Object.assign(promise, settle);
}

function connect311(mock, certificate, key, clientId) {
  const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder(certificate, key)
    .with_certificate_authority_from_path(undefined, mock.ca_file)
    .with_clean_session(true).with_client_id(clientId)
    .with_endpoint(mock.mqtt.host).with_port(mock.mqtt.port).build();
  return new mqtt.MqttClient().new_connection(config);
}

function client5(mock, certificate, key, clientId) {
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromMemory(mock.mqtt.host, certificate, key)
    .withCertificateAuthorityFromPath(undefined, mock.ca_file)
    .withPort(mock.mqtt.port).withConnectProperties({ clientId, keepAliveIntervalSeconds: 1200 });
  return new mqtt5.Mqtt5Client(builder.build());
}

async function start5(client) {
  const up = later();
  client.once('connectionSuccess', up.resolve);
  client.once('connectionFailure', (event) => up.reject(event.error));
  client.start();
  await up;
}

async function stop5(client) {
  const down = later();
  client.once('stopped', down.resolve);
  client.stop();
  await down;
  client.close();
}

/** SDK V1: subscribe to accepted and rejected, then publish; everything by hand as the old samples do. */
async function provisionV1(connection, templateName, parameters) {
  const identity = new iotidentity.IotIdentityClient(connection);
  const qos = mqtt.QoS.AtLeastOnce;
  const created = later();
  await identity.subscribeToCreateKeysAndCertificateAccepted({}, qos, (error, reply) => error ? created.reject(error) : created.resolve(reply));
  await identity.subscribeToCreateKeysAndCertificateRejected({}, qos, (error, reply) => created.reject(error ?? new Error(JSON.stringify(reply))));
  await identity.publishCreateKeysAndCertificate({}, qos);
  const keys = await created;
  const registered = later();
  await identity.subscribeToRegisterThingAccepted({ templateName }, qos, (error, reply) => error ? registered.reject(error) : registered.resolve(reply));
  await identity.subscribeToRegisterThingRejected({ templateName }, qos, (error, reply) => registered.reject(error ?? new Error(JSON.stringify(reply))));
  await identity.publishRegisterThing({ templateName, certificateOwnershipToken: keys.certificateOwnershipToken, parameters }, qos);
  return { keys, thing: await registered };
}

async function provisionV2(identity, templateName, parameters) {
  const keys = await identity.createKeysAndCertificate({});
  const thing = await identity.registerThing({ templateName, certificateOwnershipToken: keys.certificateOwnershipToken, parameters });
  return { keys, thing };
}

const v2Options = { maxRequestResponseSubscriptions: 5, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 30 };

function checkIssued({ keys, thing }) {
  assert.match(keys.certificateId, /^[0-9a-f]{64}$/);
  assert.match(keys.certificatePem, /^-----BEGIN CERTIFICATE-----\n/);
  assert.match(keys.privateKey, /^-----BEGIN RSA PRIVATE KEY-----\n/);
  assert.ok(keys.certificateOwnershipToken.length > 0);
  assert.ok(thing.thingName.length > 0);
  return { certificate: keys.certificatePem, key: keys.privateKey, thingName: thing.thingName };
}

async function talk311(mock, device, topic) {
  const connection = connect311(mock, device.certificate, device.key, device.thingName);
  await connection.connect();
  const all = later();
  const got = new Set();
  await connection.subscribe(topic, mqtt.QoS.AtLeastOnce, (_topic, payload) => {
    got.add(Buffer.from(payload).toString());
    if (got.size === messages) all.resolve();
  });
  for (let i = 0; i < messages; ++i) await connection.publish(topic, `message ${i}`, mqtt.QoS.AtLeastOnce);
  await all;
  await connection.disconnect();
}

async function talk5(mock, device, topic) {
  const client = client5(mock, device.certificate, device.key, device.thingName);
  await start5(client);
  const all = later();
  const got = new Set();
  client.on('messageReceived', ({ message }) => {
    got.add(Buffer.from(message.payload).toString());
    if (got.size === messages) all.resolve();
  });
  await client.subscribe({ subscriptions: [{ topicFilter: topic, qos: mqtt5.QoS.AtLeastOnce }] });
  for (let i = 0; i < messages; ++i) await client.publish({ topicName: topic, payload: `message ${i}`, qos: mqtt5.QoS.AtLeastOnce });
  await all;
  await stop5(client);
}

const mock = await startMock();
const claim = { certificate: readFileSync(mock.claim.certificate, 'utf8'), key: readFileSync(mock.claim.private_key, 'utf8') };
const templateName = mock.templates[0];

{
  const connection = connect311(mock, claim.certificate, claim.key, 'sdk-js-v1');
  await connection.connect();
  const device = checkIssued(await provisionV1(connection, templateName, { SerialNumber: 'js-v1' }));
  await connection.disconnect();
  await talk311(mock, device, 'sdk/test/js');
  console.log(`V1 on MQTT 3.1.1: ${device.thingName} provisioned, ${messages} messages`);
}
{
  const connection = connect311(mock, claim.certificate, claim.key, 'sdk-js-v2-311');
  await connection.connect();
  const identity = iotidentity.IotIdentityClientv2.newFromMqtt311(connection, v2Options);
  const device = checkIssued(await provisionV2(identity, templateName, { SerialNumber: 'js-v2-311' }));
  identity.close();
  await connection.disconnect();
  await talk311(mock, device, 'sdk/test/js');
  console.log(`V2 on MQTT 3.1.1: ${device.thingName} provisioned, ${messages} messages`);
}
{
  const client = client5(mock, claim.certificate, claim.key, 'sdk-js-v2-5');
  await start5(client);
  const identity = iotidentity.IotIdentityClientv2.newFromMqtt5(client, v2Options);
  const device = checkIssued(await provisionV2(identity, templateName, { SerialNumber: 'js-v2-5' }));
  // A token is spent once: the SDK shows the modelled rejection.
  await assert.rejects(identity.registerThing({ templateName, certificateOwnershipToken: '', parameters: {} }), (error) => {
    assert.equal(error.modeledError.statusCode, 400);
    assert.equal(error.modeledError.errorCode, 'InvalidCertificateOwnershipToken');
    assert.equal(error.modeledError.errorMessage, 'Certificate ownership token cannot be empty.');
    return true;
  });
  identity.close();
  await stop5(client);
  await talk5(mock, device, 'sdk/test/js');
  console.log(`V2 on MQTT 5: ${device.thingName} provisioned, ${messages} messages`);
}

clearTimeout(deadline);
assert.equal(await mock.stop(), 0);
console.log('3 passed, 0 failed');
process.exit(0);
