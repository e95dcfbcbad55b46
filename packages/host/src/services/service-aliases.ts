/**
 * Serves a service under its former names too, so that clients generated from an
 * older contract keep working. Takes a map from former to present full names, for
 * example `{ "acme.Shop": "acme.v1.Shop" }`, and returns a function for Fastify's
 * option `rewriteUrl`: a request for `/acme.Shop/Buy` goes to `/acme.v1.Shop/Buy`,
 * its query included. Every other URL stays as it is.
 *
 * It works for each protocol, as all of them put `/<service>/<method>` in the path
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests). The
 * messages of both contracts must be compatible on the wire, and in their JSON form
 * where clients use it. Handlers and interceptors see the present name.
 */
export function rewriteServiceAliases(
  aliases: Readonly<Record<string, string>>,
): (request: { readonly url?: string | undefined }) => string {
  const services = new Map(Object.entries(aliases));
  return ({ url = "/" }) => {
    const end = url.indexOf("/", 1);
    const service = end > 0 ? services.get(url.slice(1, end)) : undefined;
    return service === undefined ? url : `/${service}${url.slice(end)}`;
  };
}
