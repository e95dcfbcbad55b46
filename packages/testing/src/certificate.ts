import { execFileSync } from "node:child_process";

/** Makes a key and a self-signed certificate for loopback; needs openssl on the PATH. */
export function createCertificate(): { readonly key: string; readonly cert: string } {
  const output = execFileSync(
    "openssl",
    [
      ["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec", "-keyout", "-"],
      ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"],
      ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ].flat(),
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  const certStart = output.indexOf("-----BEGIN CERTIFICATE-----");
  return { key: output.slice(0, certStart), cert: output.slice(certStart) };
}
