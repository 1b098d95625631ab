import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Events by customer, counted by Kafka Streams: one thread, RocksDB, a cache of 64 MB, a changelog.
 *
 * <p>Each event is parsed for its customer's id, with a reader of the two fields alone. Called with
 * "trusted", the topic's key is taken for the customer's, so there is no repartition topic; with
 * "rekeyed", the id that was parsed becomes the key, by way of one.
 */
public final class KeyedCount {
    private static final ObjectReader READER = new ObjectMapper().readerFor(Event.class);

    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Event(String userId, String anonymousId) {
        String customer() {
            return userId != null ? userId : anonymousId;
        }
    }

    private KeyedCount() {}

    public static void main(String[] args) {
        String broker = args[0], topic = args[1], group = args[2], folder = args[3];
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, broker);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, group);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Integer.parseInt(args[4]));

        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, byte[]> events =
                builder.stream(topic, Consumed.with(Serdes.String(), Serdes.ByteArray()));
        KStream<String, byte[]> byCustomer =
                args[5].equals("rekeyed")
                        ? events.selectKey((key, value) -> parse(value).customer())
                        : events.filter((key, value) -> parse(value).customer() != null);
        byCustomer
                .groupByKey(Grouped.with("counts", Serdes.String(), Serdes.ByteArray()))
                .count(
                        Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                                .withKeySerde(Serdes.String())
                                .withValueSerde(Serdes.Long()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Event parse(byte[] value) {
        try {
            return READER.readValue(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
