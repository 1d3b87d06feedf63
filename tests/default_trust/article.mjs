// The command line of AWS's fleet provisioning samples over the unchanged SDK: endpoint, certificate, key, template
// name and parameters; default port, default trust.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const sdk = createRequire(new URL('../interop/sdk_js/package.json', import.meta.url))('aws-iot-device-sdk-v2');
const text = { type: 'string' };
const { values } = parseArgs({ options: { endpoint: text, cert: text, key: text, template_name: text, template_parameters: text } });
const deadline = setTimeout(() => { console.error('timed out'); process.exit(1); }, 60_000);

const config = sdk.iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(values.cert, values.key)
  .with_clean_session(true).with_client_id('test-' + process.pid).with_endpoint(values.endpoint).build();
const connection = new sdk.mqtt.MqttClient().new_connection(config);
await connection.connect();
const identity = sdk.iotidentity.IotIdentityClientv2.newFromMqtt311(connection,
  { maxRequestResponseSubscriptions: 5, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 30 });
const keys = await identity.createKeysAndCertificate({});
const thing = await identity.registerThing({ templateName: values.template_name, certificateOwnershipToken: keys.certificateOwnershipToken,
                                             parameters: JSON.parse(values.template_parameters) });
assert.equal(thing.thingName, 'fleet-article');
identity.close();
await connection.disconnect();
clearTimeout(deadline);
console.log(`${thing.thingName} provisioned on the default port with the default trust store`);
process.exit(0);
