import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** The JSSE peer of the interop tests; see README.md for what it reads and writes. */
public final class Peer {
    private static final int DEADLINE = 30_000;
    // Past its limit JSSE asks for a KeyUpdate with every record it receives, until one comes. A small buffer keeps
    // the records already on their way few.
    private static final int BUFFER = 1 << 16;
    private static final int EXPORTS = 25; // the release with exportKeyingMaterialData
    private static final String[] KEY_ALGORITHMS = {"RSA", "RSASSA-PSS", "EC", "EdDSA"};
    // JSSE sends KeyUpdate by itself after this much data under one key: often enough for 10 MB to see several.
    private static final String KEY_LIMITS = "AES/GCM/NoPadding KeyUpdate 2^21, ChaCha20-Poly1305 KeyUpdate 2^21";

    // Nothing is held back for its weakness: what is enabled is what a command names.
    private static final String[] HINDRANCES = {
        "jdk.tls.disabledAlgorithms", "jdk.tls.legacyAlgorithms", "jdk.certpath.disabledAlgorithms"};

    private static Set<String> SUPPORTED;
    private static final Map<String, SSLContext> CONTEXTS = new ConcurrentHashMap<>();
    private static final Map<String, Running> SERVERS = new ConcurrentHashMap<>();
    private static final ExecutorService THREADS = Executors.newCachedThreadPool(Peer::daemon);

    private record Running(SSLServerSocket listener, BlockingQueue<Map<String, String>> outcomes) {}

    private interface Work {
        void run(Map<String, String> told) throws Exception;
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    private static synchronized void reply(String id, Map<String, String> fields) {
        StringBuilder line = new StringBuilder("id=" + id);
        fields.forEach((name, value) -> {
            if (value != null) {
                line.append('\t').append(name).append('=').append(value.replaceAll("[\t\n]", " "));
            }
        });
        System.out.println(line);
        System.out.flush();
    }

    private static byte[] pattern(int length) {
        byte[] data = new byte[length];
        for (int index = 0; index < length; index++) {
            data[index] = (byte) (index % 251);
        }
        return data;
    }

    private static String digest(byte[] data) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
    }

    private static String[] list(Map<String, String> command, String name) {
        String value = command.get(name);
        return value == null || value.isEmpty() ? null : value.split(",");
    }

    private static List<Certificate> certificates(String path) throws Exception {
        try (InputStream file = Files.newInputStream(Path.of(path))) {
            return new ArrayList<>(CertificateFactory.getInstance("X.509").generateCertificates(file));
        }
    }

    private static PrivateKey key(String path) throws Exception {
        String body = Files.readString(Path.of(path)).replaceAll("-----[^-]+-----", "").replaceAll("\\s", "");
        PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(body));
        for (String algorithm : KEY_ALGORITHMS) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(encoded);
            } catch (InvalidKeySpecException notThisOne) {
                continue;
            }
        }
        throw new InvalidKeySpecException("no algorithm for " + path);
    }

    /** A new context for every command, so that no session is resumed but under a name. */
    private static SSLContext clientContext(Map<String, String> command) throws Exception {
        String name = command.get("session");
        if (name == null) {
            return context(command);
        }
        if (!CONTEXTS.containsKey(name)) {
            CONTEXTS.put(name, context(command));
        }
        return CONTEXTS.get(name);
    }

    private static SSLContext context(Map<String, String> command) throws Exception {
        char[] password = "interop".toCharArray();
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        int number = 0;
        for (Certificate anchor : certificates(command.get("trust"))) {
            trusted.setCertificateEntry("anchor" + number++, anchor);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        KeyStore own = KeyStore.getInstance("JKS"); // PKCS12 costs 10,000 rounds of hashing a time
        own.load(null, null);
        if (command.get("certificate") != null) {
            own.setKeyEntry("own", key(command.get("key")), password,
                    certificates(command.get("certificate")).toArray(new Certificate[0]));
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    /** The suites that SSL 3.0 had keep the prefix of that time. */
    private static String suite(String name) {
        return SUPPORTED.contains(name) ? name : name.replaceFirst("^TLS_", "SSL_");
    }

    private static void configure(SSLParameters parameters, Map<String, String> command) throws Exception {
        parameters.setProtocols(Stream.of(list(command, "versions"))
                .map(version -> version.equals("1.0") ? "TLSv1" : "TLSv" + version).toArray(String[]::new));
        if (list(command, "suites") != null) {
            parameters.setCipherSuites(Stream.of(list(command, "suites")).map(Peer::suite).toArray(String[]::new));
        }
        if (list(command, "alpn") != null) {
            parameters.setApplicationProtocols(list(command, "alpn"));
        }
        // Since JDK 20 and 19; by name, so that this compiles on 17.
        if (list(command, "groups") != null) {
            SSLParameters.class.getMethod("setNamedGroups", String[].class)
                    .invoke(parameters, (Object) list(command, "groups"));
        }
        if (list(command, "schemes") != null) {
            SSLParameters.class.getMethod("setSignatureSchemes", String[].class)
                    .invoke(parameters, (Object) list(command, "schemes"));
        }
    }

    private static void tellFacts(SSLSocket socket, Map<String, String> command, Map<String, String> told)
            throws Exception {
        ExtendedSSLSession session = (ExtendedSSLSession) socket.getSession();
        told.put("version", session.getProtocol());
        told.put("suite", session.getCipherSuite());
        String alpn = socket.getApplicationProtocol();
        told.put("alpn", alpn == null || alpn.isEmpty() ? null : alpn);
        for (SNIServerName name : session.getRequestedServerNames()) {
            told.put("server_name", ((SNIHostName) name).getAsciiName());
        }
        try {
            told.put("peer_leaf", digest(session.getPeerCertificates()[0].getEncoded()));
        } catch (SSLPeerUnverifiedException noCertificate) {
            told.remove("peer_leaf");
        }
        if (command.get("export_label") != null && Runtime.version().feature() >= EXPORTS) {
            byte[] material = (byte[]) ExtendedSSLSession.class
                    .getMethod("exportKeyingMaterialData", String.class, byte[].class, int.class)
                    .invoke(session, command.get("export_label"), null, Integer.parseInt(command.get("export_length")));
            told.put("exported", HexFormat.of().formatHex(material));
        }
    }

    private static byte[] read(InputStream input, int length) throws IOException {
        byte[] data = input.readNBytes(length);
        if (data.length < length) {
            throw new EOFException("the peer ended after " + data.length + " octets of " + length);
        }
        return data;
    }

    private static String line(InputStream input) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int octet = input.read(); octet != '\n'; octet = input.read()) {
            if (octet < 0) {
                throw new EOFException("the peer ended before its line did");
            }
            line.write(octet);
        }
        return line.toString(StandardCharsets.US_ASCII);
    }

    private static String finish(SSLSocket socket, InputStream input, boolean first) throws IOException {
        if (first) {
            socket.shutdownOutput();
        }
        String closed = "close_notify";
        try {
            if (input.read() >= 0) {
                throw new IOException("octets after the end");
            }
        } catch (IOException error) {
            if (!String.valueOf(error.getMessage()).contains("shut down incorrectly")) {
                throw error;
            }
            closed = "truncated";
        }
        if (!first) {
            socket.shutdownOutput();
        }
        return closed;
    }

    private static void serveOne(SSLSocket socket, Map<String, String> command, Map<String, String> told)
            throws Exception {
        socket.setSoTimeout(DEADLINE);
        socket.setTcpNoDelay(true);
        socket.startHandshake();
        tellFacts(socket, command, told);
        InputStream input = socket.getInputStream();
        String[] header = line(input).split(" ");
        String digest = digest(read(input, Integer.parseInt(header[0])));
        OutputStream output = socket.getOutputStream();
        output.write((digest + "\n").getBytes(StandardCharsets.US_ASCII));
        output.write(pattern(Integer.parseInt(header[1])));
        output.flush();
        told.put("received", header[0]);
        told.put("digest", digest);
        told.put("closed", finish(socket, input, header[2].equals("server")));
    }

    private static void connectOne(Map<String, String> command, Map<String, String> told) throws Exception {
        String name = command.get("server_name");
        try (Socket plain = new Socket()) {
            plain.setReceiveBufferSize(BUFFER);
            plain.connect(new InetSocketAddress("127.0.0.1", Integer.parseInt(command.get("port"))), DEADLINE);
            plain.setSoTimeout(DEADLINE);
            plain.setTcpNoDelay(true);
            SSLSocket socket = (SSLSocket) clientContext(command).getSocketFactory()
                    .createSocket(plain, name, plain.getPort(), true);
            SSLParameters parameters = socket.getSSLParameters();
            configure(parameters, command);
            if (name != null && command.get("anonymous") == null) {
                parameters.setServerNames(List.of(new SNIHostName(name)));
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
            }
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            tellFacts(socket, command, told);
            converse(socket, command, told);
        }
    }

    private static void converse(SSLSocket socket, Map<String, String> command, Map<String, String> told)
            throws Exception {
        byte[] sent = pattern(Integer.parseInt(command.get("upload")));
        String header = sent.length + " " + command.get("download") + " " + command.get("first") + "\n";
        OutputStream output = socket.getOutputStream();
        output.write(header.getBytes(StandardCharsets.US_ASCII));
        output.write(sent);
        output.flush();
        InputStream input = socket.getInputStream();
        if (!line(input).equals(digest(sent))) {
            throw new IOException("the server received other data than was sent");
        }
        byte[] data = read(input, Integer.parseInt(command.get("download")));
        told.put("received", String.valueOf(data.length));
        told.put("digest", digest(data));
        told.put("closed", finish(socket, input, command.get("first").equals("client")));
    }

    private static Map<String, String> outcomeOf(Work work) {
        Map<String, String> told = new LinkedHashMap<>();
        try {
            work.run(told);
        } catch (Exception error) {
            told.put("error", String.valueOf(error));
        }
        return told;
    }

    private static void accept(SSLServerSocket listener, Map<String, String> command,
            BlockingQueue<Map<String, String>> outcomes) {
        while (true) {
            try {
                SSLSocket socket = (SSLSocket) listener.accept();
                THREADS.submit(() -> {
                    outcomes.add(outcomeOf(told -> {
                        try (socket) {
                            serveOne(socket, command, told);
                        }
                    }));
                });
            } catch (IOException stopped) {
                return;
            }
        }
    }

    private static void serve(Map<String, String> command, Map<String, String> told) throws Exception {
        SSLServerSocket listener = (SSLServerSocket) context(command).getServerSocketFactory()
                .createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        SSLParameters parameters = listener.getSSLParameters();
        configure(parameters, command);
        if ("request".equals(command.get("client_authentication"))) {
            parameters.setWantClientAuth(true);
        } else if ("require".equals(command.get("client_authentication"))) {
            parameters.setNeedClientAuth(true);
        }
        listener.setSSLParameters(parameters);
        listener.setReceiveBufferSize(BUFFER);
        Running running = new Running(listener, new LinkedBlockingQueue<>());
        String port = String.valueOf(listener.getLocalPort());
        SERVERS.put(port, running);
        THREADS.submit(() -> accept(listener, command, running.outcomes()));
        told.put("port", port);
    }

    private static void obey(Map<String, String> command, Map<String, String> told) throws Exception {
        switch (command.get("do")) {
            case "serve" -> serve(command, told);
            case "connect" -> connectOne(command, told);
            case "outcome" -> {
                Map<String, String> outcome = SERVERS.get(command.get("port")).outcomes()
                        .poll(DEADLINE, TimeUnit.MILLISECONDS);
                if (outcome == null) {
                    throw new IOException("no connection has ended");
                }
                told.putAll(outcome);
            }
            case "stop" -> SERVERS.remove(command.get("port")).listener().close();
            default -> throw new IOException("unknown command " + command.get("do"));
        }
    }

    public static void main(String[] arguments) throws Exception {
        Security.setProperty("jdk.tls.keyLimits", KEY_LIMITS);
        for (String hindrance : HINDRANCES) {
            Security.setProperty(hindrance, "");
        }
        SUPPORTED = Set.of(SSLContext.getDefault().getSupportedSSLParameters().getCipherSuites());
        reply("0", Map.of("version", Runtime.version().toString()));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, String> command = new LinkedHashMap<>();
            for (String field : line.split("\t")) {
                int at = field.indexOf('=');
                command.put(field.substring(0, at), field.substring(at + 1));
            }
            THREADS.submit(() -> reply(command.get("id"), outcomeOf(told -> obey(command, told))));
        }
        System.exit(0);
    }
}
