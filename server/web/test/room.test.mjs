import assert from "node:assert/strict";
import test from "node:test";
import { pageURL, roomOf, roomProblem, socketURL } from "../page/room.js";

test("names of rooms are those of topics", () => {
  for (const name of ["a", "lobby", "team.1", "Orders.eu-west_1.~tmp", "küche", "部屋", "غرفة.١", "हिन्दी", "x".repeat(255)]) {
    assert.equal(roomProblem(name), "", name);
  }
  for (const [name, problem] of [
    ["", "needs a name"], ["x".repeat(256), "255 bytes"], ["ü".repeat(128), "255 bytes"], [".", "Dots"], ["a.", "Dots"],
    [".a", "Dots"], ["a..b", "Dots"], ["a b", "no spaces"], ["a/b", "Use letters"], ["a.*", "Use letters"], [">", "Use letters"],
    ["a\u0000", "Use letters"], ["😀", "Use letters"], ["\u0301a", "Use letters"], ["\ud800", "Use letters"], ["Ⅷ", "Use letters"],
  ]) assert.match(roomProblem(name), new RegExp(problem), JSON.stringify(name));
});

test("the room stands in the URL", () => {
  assert.equal(roomOf("http://host/"), "lobby");
  assert.equal(roomOf("http://host/?room="), "lobby");
  assert.equal(roomOf("http://host/?room=team.1&x=y#z"), "team.1");
  assert.equal(pageURL("küche", "https://host:8080/?room=old#x"), "https://host:8080/?room=k%C3%BCche");
  assert.equal(roomOf(pageURL("küche.~1", "http://host/")), "küche.~1");
});

test("the socket is on the same host", () => {
  assert.equal(socketURL("lobby", "http://host:8080/?room=lobby#x"), "ws://host:8080/t/lobby");
  assert.equal(socketURL("küche", "https://host/"), "wss://host/t/k%C3%BCche");
});
