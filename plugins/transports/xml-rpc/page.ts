/** What a browser is shown at the door's address: what this is, how programs call it, where to read on. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Rollcall</title>
<h1>Rollcall, a registry of services</h1>
<p>Programs register and find services here, by XML-RPC: a POST to this address, or to its path /RPC2. Web pages cannot.</p>
<p><code>system.listMethods</code> lists the methods, <code>system.methodHelp</code> explains one. In Python,
where <code>address</code> is that of this page:</p>
<pre>xmlrpc.client.ServerProxy(address).system.listMethods()</pre>
<p>All of them are explained in docs/xml-rpc.md of the Rollcall project.</p>
</html>
`;
