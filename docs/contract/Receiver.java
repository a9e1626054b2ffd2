import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.*;
import java.util.regex.*;
import java.util.zip.*;

/**
 * The other end in one file, from docs/contract.md alone: takes a batch of a terminal, checks its
 * rows, and answers with a signed receipt. An example, not a receiver to run: it has no database.
 *
 * <p>java Receiver.java TERMINAL SEED ISSUER PRIVATE-KEY BATCH (all but the names in hex) prints a
 * line for each row and the receipt's envelope in hex. Only the JDK (11 or newer) is needed.
 */
public class Receiver {
    public static void main(String[] words) throws Exception {
        String terminal = words[0];
        byte[] seed = bytes(words[1]), batch = bytes(words[4]);
        BigInteger secret = new BigInteger(words[3], 16);

        // The batch: a line of JSON, a line feed, and the zlib stream of a JSON array.
        int feed = 0;
        while (batch[feed] != '\n') feed++;
        Map<String, Object> header = Json.object(new String(batch, 0, feed, StandardCharsets.UTF_8));
        byte[] inflated = inflate(batch, feed + 1, (int) (long) header.get("size"));
        List<Object> items = Json.array(new String(inflated, StandardCharsets.UTF_8));

        // The rows: hash over the text, MAC under a key that takes a step a row, and the chain.
        String epoch = (String) header.get("epoch");
        byte[] key = hmac(seed, bytes(epoch));
        String before = null;
        long last = 0;
        for (Object each : items) {
            @SuppressWarnings("unchecked")
            Map<String, Object> item = (Map<String, Object>) each;
            String text = (String) item.get("body");
            byte[] hash = sm3(text.getBytes(StandardCharsets.UTF_8));
            Map<String, Object> event = Json.object(text);
            last = (long) item.get("seq");
            if (last == 1) before = hex(sm3((terminal + epoch + head(event)).getBytes(StandardCharsets.UTF_8)));
            boolean good = hex(hash).equals(item.get("hash"))
                    && hex(hmac(key, hash)).equals(item.get("mac"))
                    && event.get("prev").equals(before)
                    && event.get("terminal").equals(terminal)
                    && event.get("epoch").equals(epoch)
                    && event.get("seq").equals(last);
            if (!good) throw new IllegalStateException("row " + last + " is not sound");
            System.out.println(last + " " + hex(hash));
            before = hex(hash);
            key = sm3(key);
        }

        // Here a database commits. Then, and only then, the receipt.
        String receipt = "{\"v\":1,\"epoch\":\"" + epoch + "\",\"seq\":" + last + ",\"hash\":\"" + before + "\"}";
        System.out.println(hex(envelope(words[2], secret, "receipt", epoch, 1, terminal, receipt)));
    }

    static String head(Map<String, Object> event) {
        @SuppressWarnings("unchecked")
        Map<String, Object> detail = (Map<String, Object>) event.getOrDefault("detail", Map.of());
        return (String) detail.getOrDefault("head", "");
    }

    // The envelope: OCE1, issuer, manifest, payload, signature.

    static byte[] envelope(String issuer, BigInteger secret, String kind, String name, long version, String audience,
            String text) {
        byte[] payload = text.getBytes(StandardCharsets.UTF_8);
        byte[] manifest = ("{\"kind\":\"" + kind + "\",\"name\":\"" + name + "\",\"version\":" + version
                + ",\"audience\":\"" + audience + "\",\"created\":" + System.currentTimeMillis() / 1000
                + ",\"expires\":0,\"size\":" + payload.length + ",\"digest\":\"" + hex(sm3(payload)) + "\"}")
                .getBytes(StandardCharsets.UTF_8);
        byte[] signer = issuer.getBytes(StandardCharsets.US_ASCII);
        byte[] signed = join("OCE1".getBytes(StandardCharsets.US_ASCII), new byte[] {(byte) signer.length}, signer,
                new byte[] {(byte) (manifest.length >> 8), (byte) manifest.length}, manifest, payload);
        return join(signed, sign(secret, signed));
    }

    // SM2 (GB/T 32918.2), r and s of 32 bytes each, identity 1234567812345678.

    static final BigInteger P = hexNumber("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF");
    static final BigInteger A = P.subtract(BigInteger.valueOf(3));
    static final BigInteger B = hexNumber("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93");
    static final BigInteger N = hexNumber("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");
    static final BigInteger[] G = {
        hexNumber("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"),
        hexNumber("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0")
    };

    static byte[] sign(BigInteger secret, byte[] message) {
        BigInteger[] open = times(secret, G);
        byte[] identity = "1234567812345678".getBytes(StandardCharsets.US_ASCII);
        byte[] za = sm3(join(new byte[] {0, (byte) (identity.length * 8)}, identity, word(A), word(B), word(G[0]),
                word(G[1]), word(open[0]), word(open[1])));
        BigInteger e = new BigInteger(1, sm3(join(za, message)));
        SecureRandom random = new SecureRandom();
        while (true) {
            BigInteger k = new BigInteger(256, random);
            if (k.signum() == 0 || k.compareTo(N) >= 0) continue;
            BigInteger r = e.add(times(k, G)[0]).mod(N);
            BigInteger s = secret.add(BigInteger.ONE).modInverse(N).multiply(k.subtract(r.multiply(secret))).mod(N);
            if (r.signum() != 0 && !r.add(k).equals(N) && s.signum() != 0) return join(word(r), word(s));
        }
    }

    static BigInteger[] times(BigInteger k, BigInteger[] point) {
        BigInteger[] sum = null;
        for (int bit = k.bitLength() - 1; bit >= 0; bit--) {
            sum = add(sum, sum);
            if (k.testBit(bit)) sum = add(sum, point);
        }
        return sum;
    }

    static BigInteger[] add(BigInteger[] p, BigInteger[] q) {
        if (p == null) return q;
        if (q == null) return p;
        boolean same = p[0].equals(q[0]);
        if (same && !p[1].equals(q[1])) return null;
        BigInteger up = same ? p[0].pow(2).multiply(BigInteger.valueOf(3)).add(A) : q[1].subtract(p[1]);
        BigInteger down = same ? p[1].shiftLeft(1) : q[0].subtract(p[0]);
        BigInteger slope = up.multiply(down.modInverse(P)).mod(P);
        BigInteger x = slope.pow(2).subtract(p[0]).subtract(q[0]).mod(P);
        return new BigInteger[] {x, slope.multiply(p[0].subtract(x)).subtract(p[1]).mod(P)};
    }

    // SM3 (GB/T 32905) and HMAC with it.

    static byte[] sm3(byte[] message) {
        int[] v = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
        byte[] padded = Arrays.copyOf(message, (message.length + 9 + 63) / 64 * 64);
        padded[message.length] = (byte) 0x80;
        long bits = 8L * message.length;
        for (int i = 0; i < 8; i++) padded[padded.length - 1 - i] = (byte) (bits >>> (8 * i));
        int[] w = new int[68];
        for (int at = 0; at < padded.length; at += 64) {
            for (int j = 0; j < 16; j++)
                for (int i = 0; i < 4; i++) w[j] = w[j] << 8 | padded[at + 4 * j + i] & 0xff;
            for (int j = 16; j < 68; j++)
                w[j] = p1(w[j - 16] ^ w[j - 9] ^ Integer.rotateLeft(w[j - 3], 15)) ^ Integer.rotateLeft(w[j - 13], 7)
                        ^ w[j - 6];
            int[] s = v.clone();
            for (int j = 0; j < 64; j++) {
                int turned = Integer.rotateLeft(s[0], 12);
                int ss1 = Integer.rotateLeft(turned + s[4] + Integer.rotateLeft(j < 16 ? 0x79cc4519 : 0x7a879d8a, j % 32), 7);
                int ff = j < 16 ? s[0] ^ s[1] ^ s[2] : s[0] & s[1] | s[0] & s[2] | s[1] & s[2];
                int gg = j < 16 ? s[4] ^ s[5] ^ s[6] : s[4] & s[5] | ~s[4] & s[6];
                int tt1 = ff + s[3] + (ss1 ^ turned) + (w[j] ^ w[j + 4]);
                int tt2 = gg + s[7] + ss1 + w[j];
                s = new int[] {tt1, s[0], Integer.rotateLeft(s[1], 9), s[2], p0(tt2), s[4], Integer.rotateLeft(s[5], 19), s[6]};
            }
            for (int i = 0; i < 8; i++) v[i] ^= s[i];
        }
        byte[] digest = new byte[32];
        for (int i = 0; i < 32; i++) digest[i] = (byte) (v[i / 4] >>> (24 - i % 4 * 8));
        return digest;
    }

    static int p0(int x) { return x ^ Integer.rotateLeft(x, 9) ^ Integer.rotateLeft(x, 17); }

    static int p1(int x) { return x ^ Integer.rotateLeft(x, 15) ^ Integer.rotateLeft(x, 23); }

    static byte[] hmac(byte[] key, byte[] message) {
        byte[] inner = new byte[64], outer = new byte[64];
        byte[] short_ = key.length > 64 ? sm3(key) : key;
        for (int i = 0; i < 64; i++) {
            byte own = i < short_.length ? short_[i] : 0;
            inner[i] = (byte) (own ^ 0x36);
            outer[i] = (byte) (own ^ 0x5c);
        }
        return sm3(join(outer, sm3(join(inner, message))));
    }

    // Bytes.

    static byte[] inflate(byte[] packed, int from, int size) throws DataFormatException {
        Inflater stream = new Inflater();
        stream.setInput(packed, from, packed.length - from);
        byte[] room = new byte[size + 1]; // one more than it may be
        int got = 0;
        while (got < room.length && !stream.finished()) {
            int more = stream.inflate(room, got, room.length - got);
            if (more == 0) break;
            got += more;
        }
        if (got != size || !stream.finished()) throw new IllegalStateException("not as long as its header says");
        return Arrays.copyOf(room, size);
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) all.write(part, 0, part.length);
        return all.toByteArray();
    }

    static BigInteger hexNumber(String digits) { return new BigInteger(digits, 16); }

    static byte[] word(BigInteger number) { return bytes(String.format("%064x", number)); }

    static byte[] bytes(String digits) {
        byte[] made = new byte[digits.length() / 2];
        for (int i = 0; i < made.length; i++) made[i] = (byte) Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16);
        return made;
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte each : bytes) text.append(String.format("%02x", each));
        return text.toString();
    }

    /** As much of JSON as the contract has: no fractions. */
    static class Json {
        static final Pattern TOKEN = Pattern.compile("\\s*([{}\\[\\]:,]|\"(?:[^\"\\\\]|\\\\.)*+\"|-?\\d+|true|false|null)");
        final Matcher rest;

        Json(String text) { rest = TOKEN.matcher(text); }

        @SuppressWarnings("unchecked")
        static Map<String, Object> object(String text) { return (Map<String, Object>) new Json(text).value(); }

        @SuppressWarnings("unchecked")
        static List<Object> array(String text) { return (List<Object>) new Json(text).value(); }

        String token() {
            if (!rest.find()) throw new IllegalStateException("not JSON");
            return rest.group(1);
        }

        Object value() { return value(token()); }

        Object value(String token) {
            switch (token.charAt(0)) {
                case '{':
                    Map<String, Object> map = new LinkedHashMap<>();
                    for (String next = token(); !next.equals("}"); next = token()) {
                        if (next.equals(",")) continue;
                        token(); // the colon
                        map.put(text(next), value());
                    }
                    return map;
                case '[':
                    List<Object> list = new ArrayList<>();
                    for (String next = token(); !next.equals("]"); next = token())
                        if (!next.equals(",")) list.add(value(next));
                    return list;
                case '"':
                    return text(token);
                case 't':
                case 'f':
                case 'n':
                    return token.equals("null") ? null : Boolean.valueOf(token);
                default:
                    return Long.valueOf(token);
            }
        }

        static String text(String quoted) {
            StringBuilder made = new StringBuilder();
            for (int at = 1; at < quoted.length() - 1; at++) {
                char sign = quoted.charAt(at);
                if (sign != '\\') {
                    made.append(sign);
                    continue;
                }
                sign = quoted.charAt(++at);
                int plain = "\"\\/bfnrt".indexOf(sign);
                if (plain >= 0) made.append("\"\\/\b\f\n\r\t".charAt(plain));
                else {
                    made.append((char) Integer.parseInt(quoted.substring(at + 1, at + 5), 16));
                    at += 4;
                }
            }
            return made.toString();
        }
    }
}
