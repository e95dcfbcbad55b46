import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
} from "../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  type ServerReflectionRequest as ServerReflectionRequestV1Alpha,
  ServerReflection as ServerReflectionV1Alpha,
} from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createFileIndex, type FileIndex } from "./file-index.ts";

/** Options for {@link reflectionRoutes}. */
export interface ReflectionOptions {
  /**
   * Files to describe that no service refers to: those of extensions, or of
   * messages that travel in a google.protobuf.Any. With all that they import.
   */
  readonly files?: readonly DescFile[];
  /**
   * The same, for files that others may have too: one is described unless a file of its
   * name, or of something that it declares, is described already.
   */
  readonly fallbackFiles?: readonly DescFile[];
}

type Request = ServerReflectionRequest | ServerReflectionRequestV1Alpha;
// Plain objects, which fit the messages of either version.
type Answer =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array<ArrayBuffer>[] } }
  | {
      case: "allExtensionNumbersResponse";
      value: { baseTypeName: string; extensionNumber: number[] };
    }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/**
 * Server reflection: a client such as grpcurl or `buf curl` can list and call these
 * services without having their schema. Returns the routes to pass to a Connect
 * router or plugin; they serve `grpc.reflection.v1` and `grpc.reflection.v1alpha`,
 * as clients still ask for either.
 *
 * Describes the given services, itself, and every file that these import. What is
 * not given is not listed, though it may be described if it shares a file.
 *
 * Protocol: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function reflectionRoutes(
  services: readonly DescService[],
  options: ReflectionOptions = {},
): (router: ConnectRouter) => void {
  const listed = [...services, ServerReflection, ServerReflectionV1Alpha];
  const serviceNames = [...new Set(listed.map((service) => service.typeName))].sort();
  let index: FileIndex | undefined;

  async function* serve<T extends Request>(requests: AsyncIterable<T>) {
    // Built for the first client that asks: most processes never see one.
    index ??= createFileIndex(
      [...listed.map((service) => service.file), ...(options.files ?? [])],
      options.fallbackFiles,
    );
    const sent = new Set<DescFile>();
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(request.messageRequest, index, serviceNames, sent),
      };
    }
  }

  return (router) => {
    router.service(ServerReflection, { serverReflectionInfo: serve });
    router.service(ServerReflectionV1Alpha, { serverReflectionInfo: serve });
  };
}

function answer(
  asked: Request["messageRequest"],
  index: FileIndex,
  serviceNames: readonly string[],
  sent: Set<DescFile>,
): Answer {
  switch (asked.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: serviceNames.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return describe(index.fileByName(asked.value), `file ${asked.value}`, sent);
    case "fileContainingSymbol":
      return describe(index.fileOfSymbol(asked.value), `symbol ${asked.value}`, sent);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = asked.value;
      const file = index.extensionsOf(containingType)?.get(extensionNumber);
      return describe(file, `extension ${extensionNumber} of ${containingType}`, sent);
    }
    case "allExtensionNumbersOfType": {
      const extensions = index.extensionsOf(asked.value);
      if (extensions === undefined) {
        return notFound(`message ${asked.value}`);
      }
      return {
        case: "allExtensionNumbersResponse",
        value: {
          baseTypeName: asked.value,
          extensionNumber: [...extensions.keys()].sort((a, b) => a - b),
        },
      };
    }
    default:
      throw new ConnectError("the request asks for nothing known", Code.InvalidArgument);
  }
}

/**
 * Answers with the file and all that it imports, without what the stream has sent
 * before; the file that was asked for comes first and always.
 */
function describe(file: DescFile | undefined, what: string, sent: Set<DescFile>): Answer {
  if (file === undefined) {
    return notFound(what);
  }
  const files = [file];
  sent.add(file);
  for (const { dependencies } of files) {
    for (const dependency of dependencies) {
      if (!sent.has(dependency)) {
        sent.add(dependency);
        files.push(dependency);
      }
    }
  }
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: files.map(serialize) },
  };
}

function serialize(file: DescFile): Uint8Array<ArrayBuffer> {
  return toBinary(FileDescriptorProtoSchema, file.proto);
}

function notFound(what: string): Answer {
  return {
    case: "errorResponse",
    value: { errorCode: Code.NotFound, errorMessage: `${what} not found` },
  };
}
